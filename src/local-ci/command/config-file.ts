import { ConfigError } from '../../lib/config/config-error.js';
import { readConfigFile } from '../../lib/config/config-files.js';
import { LayeredConfig } from '../../lib/config/layers.js';
import type { ConfigTree } from '../../lib/config/layers.js';
import type { GivenOptions } from './options.js';

/** The settings for the workers of a run. */
export interface WorkerSettings {
  readonly settings: ConfigTree;
  /** Keys of the file that have no effect, because local-ci decides about them. */
  readonly ignored: readonly string[];
}

/** What says which worker it is, whose tasks it gets and where its files are: a fleet's values would be wrong here. */
const OWN = new Set([
  ...['rootUrl', 'taskcluster', 'provisionerId', 'workerType', 'workerGroup', 'workerId', 'capacity'],
  ...['dockerVolume', 'stateDir', 'ed25519SigningKeyLocation', 'numberOfTasksToRun', 'shutdown', 'capacityManagement'],
  ...['logging', 'ssl', 'statelessHostname', 'metrics', 'watchdog', 'host', 'publicIp', 'privateIp'],
]);

/** Reads `--config` and adds what other options set. Throws a ConfigError that lists what is wrong with the file. */
export async function workerSettings(
  { config: file, allowPrivileged }: Pick<GivenOptions, 'config' | 'allowPrivileged'>,
  env: Readonly<Record<string, string | undefined>>,
): Promise<WorkerSettings> {
  const written = file === undefined ? {} : await settingsIn(file, env);
  const merged = new LayeredConfig(env);
  const kept = Object.fromEntries(Object.entries(written).filter(([key]) => !OWN.has(key)));
  merged.apply({ name: file ?? '--config', values: kept });
  if (allowPrivileged)
    merged.apply({ name: '--allow-privileged', values: { dockerConfig: { allowPrivileged: true } } });
  return { settings: merged.values(), ignored: Object.keys(written).filter((key) => OWN.has(key)) };
}

async function settingsIn(path: string, env: Readonly<Record<string, string | undefined>>): Promise<ConfigTree> {
  const file = await readConfigFile(path);
  if (!file) throw new ConfigError([`--config ${path}: there is no such file`]);
  const merged = new LayeredConfig(env);
  for (const layer of file.layers(undefined)) merged.apply(layer);
  const problems = merged.problems().filter(({ path: [key = ''] }) => !OWN.has(key));
  if (problems.length === 0) return merged.values();
  throw new ConfigError(problems.map((problem) => `--config ${path}: ${problem.path.join('.')}: ${problem.message}`));
}
