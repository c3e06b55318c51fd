import { EnvReference } from './env-tags.js';
import type { Environment } from './env-tags.js';
import type { ConfigPath, Layer } from './layers.js';
import { valueAt, without } from './tree-paths.js';

/**
 * Settings whose variables most fleets of docker-worker 2019 and 99 did not set, although their configuration files
 * name them: the worker warned and continued without.
 */
const TOLERATED: readonly ConfigPath[] = [
  ['features'],
  ['statelessHostname', 'secret'],
  ['sidecars', 'relengAPIProxy', 'token'],
];

/** Removes such settings from a layer if the variable is not set, so that lower layers apply; returns warnings. */
export function withoutUnsetVariables(
  layer: Layer,
  env: Environment,
): { readonly layer: Layer; readonly warnings: ReadonlyMap<string, string> } {
  let { values } = layer;
  const warnings = new Map<string, string>();
  for (const path of TOLERATED) {
    const written = valueAt(values, path);
    if (!(written instanceof EnvReference) || written.isSet(env) || written.isOptional) continue;
    values = without(values, path);
    const key = path.join('.');
    warnings.set(key, `${key}: environment variable ${written.variable} is not set, setting ignored (${layer.name})`);
  }
  return { layer: { ...layer, values }, warnings };
}
