import { readFile } from 'node:fs/promises';
import { checkSize } from '../config/check-size.js';
import { ConfigError } from '../config/config-error.js';
import { isTree } from '../config/layers.js';
import type { ConfigTree } from '../config/layers.js';
import { errorMessage } from '../util/error-message.js';
import { keysOutsidePoolConfig, mergeConfig, poolConfig } from './pool-config.js';
import type { PoolConfig } from './pool-config.js';

/** Keys that worker-runner spells differently for generic-worker. */
const KEY_NAMES: Readonly<Record<string, string>> = {
  rootURL: 'rootUrl',
  publicIP: 'publicIp',
  privateIP: 'privateIp',
  instanceID: 'instanceId',
};
const CREDENTIALS = ['clientId', 'accessToken', 'certificate'];
/** Keys for generic-worker that are not used here: workerLocation has the same value. */
const UNUSED = ['availabilityZone'];

/**
 * Reads the configuration that worker-runner wrote, in its spelling for either worker, and unwraps the pool's settings
 * if worker-runner did not. Throws a ConfigError.
 */
export async function readRunnerConfig(file: string): Promise<PoolConfig> {
  let values: unknown;
  try {
    values = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    // A parser's message would quote from the file, which has credentials in it.
    const why = error instanceof SyntaxError ? 'not valid JSON' : `can't be read: ${errorMessage(error)}`;
    throw new ConfigError([`${file} (written by worker-runner): ${why}`], { cause: error });
  }
  const name = `${file} (written by worker-runner)`;
  checkSize(name, values);
  if (isTree(values)) return mergePoolSettings(values);
  throw new ConfigError([`${name}: expected a map of settings`]);
}

/** Merges worker-runner's own keys, always at the top level, over the pool's settings, which must not override them. */
function mergePoolSettings(written: ConfigTree): PoolConfig {
  const beside = keysOutsidePoolConfig(written);
  const { config, files } = poolConfig(written);
  const all = Object.keys(beside).length > 0 ? mergeConfig(config, beside) : config;
  return { config: normalizeKeys(all), files };
}

function normalizeKeys(written: ConfigTree): ConfigTree {
  const values: Record<string, unknown> = {};
  const credentials: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(written)) {
    if (CREDENTIALS.includes(key)) credentials[key] = value;
    else if (!UNUSED.includes(key)) values[KEY_NAMES[key] ?? key] = value;
  }
  const { instanceType, workerNodeType, taskcluster, workerLocation } = values;
  if (workerNodeType === undefined && instanceType !== undefined) values['workerNodeType'] = instanceType;
  // It is usually JSON text; a pool's configuration may have a map.
  if (isTree(workerLocation)) values['workerLocation'] = JSON.stringify(workerLocation);
  if (Object.keys(credentials).length > 0) {
    values['taskcluster'] = { ...(isTree(taskcluster) && taskcluster), ...credentials };
  }
  return values;
}
