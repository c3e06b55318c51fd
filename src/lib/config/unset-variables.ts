import { EnvReference } from './env-tags.js';
import type { Environment } from './env-tags.js';
import type { ConfigPath, Layer } from './layers.js';
import { valueAt, without } from './tree-paths.js';

/**
 * Where configuration files of docker-worker 2019 and 99 name variables that most of their fleets did not set: the worker
 * warned, and went on without.
 */
const PARDONED: readonly ConfigPath[] = [
  ['features'],
  ['statelessHostname', 'secret'],
  ['sidecars', 'relengAPIProxy', 'token'],
];

/** Takes such places out of a layer where their variable is not set, so that what is below stands; a warning for each. */
export function withoutUnsetVariables(
  layer: Layer,
  env: Environment,
): { readonly layer: Layer; readonly warnings: ReadonlyMap<string, string> } {
  let { values } = layer;
  const warnings = new Map<string, string>();
  for (const path of PARDONED) {
    const written = valueAt(values, path);
    if (!(written instanceof EnvReference) || written.isSet(env) || written.isOptional) continue;
    values = without(values, path);
    const key = path.join('.');
    warnings.set(key, `${key}: environment variable ${written.variable} is not set, goes on without (${layer.name})`);
  }
  return { layer: { ...layer, values }, warnings };
}
