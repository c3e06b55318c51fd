import type { ConfigTree } from '../../lib/config/layers.js';
import type { RunOptions } from '../graph/run-options.js';
import { workerSettings } from './config-file.js';
import { tell } from './program.js';
import type { Program } from './program.js';
import type { Settings } from './settings.js';
import { rootUrlOf, upstreamOf } from './upstream.js';

/** Returns the deployment to read, and tells how it is asked. Throws a CiInputError. */
export function upstreamIn(settings: Settings, program: Program): RunOptions['upstream'] {
  const upstream = upstreamOf(settings, program);
  for (const note of upstream?.notes ?? []) tell(program, note);
  return upstream?.options;
}

/** Returns the settings of the workers, and tells which of the user's have no effect. Throws a ConfigError. */
export async function configOf({ given }: Settings, program: Program): Promise<ConfigTree> {
  const { settings, ignored } = await workerSettings(given, program.env);
  if (ignored.length > 0) tell(program, `--config: local-ci itself decides about ${ignored.join(', ')}.`);
  return settings;
}

/** Returns the root URL that the settings name; undefined: the local Taskcluster's own. Throws a CiInputError. */
export function rootUrlIn(settings: Settings, program: Program): string | undefined {
  const { rootUrl } = settings.given;
  return rootUrl === undefined ? upstreamOf(settings, program)?.options.rootUrl : rootUrlOf(rootUrl, '--root-url');
}
