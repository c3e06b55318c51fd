import { EnvReference } from './env-tags.js';
import type { Environment } from './env-tags.js';
import { isTree } from './layers.js';
import type { ConfigPath, ConfigTree, Layer } from './layers.js';

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
    const written = path.reduce<unknown>((tree, key) => (isTree(tree) ? tree[key] : undefined), values);
    if (!(written instanceof EnvReference) || written.isSet(env) || written.isOptional) continue;
    values = without(values, path);
    const key = path.join('.');
    warnings.set(key, `${key}: environment variable ${written.variable} is not set, goes on without (${layer.name})`);
  }
  return { layer: { ...layer, values }, warnings };
}

/** A copy without what is at that path. */
export function without(tree: ConfigTree, [key = '', ...rest]: ConfigPath): ConfigTree {
  const { [key]: inner, ...others } = tree;
  return rest.length > 0 && isTree(inner) ? { ...others, [key]: without(inner, rest) } : others;
}
