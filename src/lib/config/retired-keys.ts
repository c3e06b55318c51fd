import { isTree } from './layers.js';
import type { ConfigPath, ConfigTree, Layer } from './layers.js';

interface RetiredKey {
  readonly path: ConfigPath;
  readonly successor?: ConfigPath;
}

/** Keys of older versions. They are accepted so that an old configuration file still starts a worker. */
const RETIRED_KEYS: readonly RetiredKey[] = [
  ...[
    'monitorProject',
    'testMode',
    'createQueue',
    'pulse',
    'influx',
    'testdroid',
    'testdroidProxyImage',
    'phone',
    'schema',
    'taskclusterProxyImage',
    'taskclusterLogImage',
    // The GPG signature of chain of trust; the ed25519 key has a key of its own.
    'signingKeyLocation',
  ].map((key) => ({ path: [key] })),
  { path: ['features', 'testdroidProxy'] },
  { path: ['deviceManagement', 'phone'] },
  { path: ['shutdown', 'minimumCycleSeconds'] },
  { path: ['task', 'dequeueCount'] },
  { path: ['logging', 'liveLogChunkInterval'] },
  { path: ['logging', 'liveLogExpires'] },
  { path: ['logging', 'bulkLogExpires'] },
  { path: ['features', 'relengAPIProxy', 'image'], successor: ['sidecars', 'relengAPIProxy', 'image'] },
  { path: ['features', 'relengAPIProxy', 'token'], successor: ['sidecars', 'relengAPIProxy', 'token'] },
  { path: ['relengAPIProxyImage'], successor: ['sidecars', 'relengAPIProxy', 'image'] },
  { path: ['balrogVPNProxyImage'], successor: ['sidecars', 'balrogVPNProxy', 'image'] },
  { path: ['balrogStageVPNProxyImage'], successor: ['sidecars', 'balrogStageVPNProxy', 'image'] },
];

/** Whether `key` at the top of a file is one of an older version. */
export function isRetiredKey(key: string): boolean {
  return RETIRED_KEYS.some(({ path }) => path.length === 1 && path[0] === key);
}

/** Moves retired keys of a layer to their successors or drops them; a warning for each. The layer stays as it is. */
export function replaceRetiredKeys(layer: Layer): {
  readonly layer: Layer;
  readonly retired: ReadonlyMap<string, string>;
} {
  let values = layer.values;
  const retired = new Map<string, string>();
  for (const { path, successor } of RETIRED_KEYS) {
    const value = valueAt(values, path);
    if (value === undefined) continue;
    values = without(values, path);
    // The file's own word for the successor stands.
    if (successor && valueAt(values, successor) === undefined) values = withValue(values, successor, value);
    const key = path.join('.');
    retired.set(key, `${key}: retired, ${successor ? `now called ${successor.join('.')}` : 'ignored'} (${layer.name})`);
  }
  return { layer: { ...layer, values }, retired };
}

function valueAt(tree: ConfigTree, path: ConfigPath): unknown {
  let value: unknown = tree;
  for (const key of path) value = isTree(value) ? value[key] : undefined;
  return value;
}

function without(tree: ConfigTree, [key = '', ...rest]: ConfigPath): ConfigTree {
  const { [key]: inner, ...others } = tree;
  return rest.length > 0 && isTree(inner) ? { ...others, [key]: without(inner, rest) } : others;
}

function withValue(tree: ConfigTree, [key = '', ...rest]: ConfigPath, value: unknown): ConfigTree {
  if (rest.length === 0) return { ...tree, [key]: value };
  const inner = tree[key];
  return { ...tree, [key]: withValue(isTree(inner) ? inner : {}, rest, value) };
}
