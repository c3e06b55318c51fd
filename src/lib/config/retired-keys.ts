import { isTree } from './layers.js';
import type { ConfigPath, ConfigTree, Layer } from './layers.js';
import { without } from './unset-variables.js';

interface RetiredKey {
  /** A star stands for any key. */
  readonly path: ConfigPath;
  /** The keys that have its meaning now. */
  readonly successors?: readonly ConfigPath[];
}

const DEVICES = ['cpu', 'loopbackAudio', 'loopbackVideo', 'hostSharedMemory', 'kvm'];

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
  { path: ['task', 'maxSetupTime'] },
  { path: ['logging', 'liveLogChunkInterval'] },
  { path: ['logging', 'liveLogExpires'] },
  { path: ['logging', 'bulkLogExpires'] },
  { path: ['features', 'relengAPIProxy', 'image'], successors: [['sidecars', 'relengAPIProxy', 'image']] },
  { path: ['features', 'relengAPIProxy', 'token'], successors: [['sidecars', 'relengAPIProxy', 'token']] },
  { path: ['relengAPIProxyImage'], successors: [['sidecars', 'relengAPIProxy', 'image']] },
  // Before the one that stands for both.
  { path: ['balrogStageVPNProxyImage'], successors: [['sidecars', 'balrogStageVPNProxy', 'image']] },
  {
    path: ['balrogVPNProxyImage'],
    successors: [
      ['sidecars', 'balrogVPNProxy', 'image'],
      ['sidecars', 'balrogStageVPNProxy', 'image'],
    ],
  },
  { path: ['registries', '*', 'email'] },
  { path: ['garbageCollection', 'dockerVolume'], successors: [['dockerVolume']] },
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
  const retired = new Map<string, string>();
  const note = (path: ConfigPath, advice: string): void => {
    const key = path.join('.');
    retired.set(key, `${key}: retired, ${advice} (${layer.name})`);
  };
  let values = layer.values;
  for (const { path, successors = [] } of RETIRED_KEYS) {
    for (const place of placesOf(path, values)) {
      const value = valueAt(values, place);
      values = without(values, place);
      for (const successor of successors) {
        // The file's own word for the successor stands.
        if (valueAt(values, successor) === undefined) values = withValue(values, successor, value);
      }
      const now = successors.map((successor) => successor.join('.')).join(' and ');
      note(place, now === '' ? 'ignored' : `now called ${now}`);
    }
  }
  for (const device of DEVICES) {
    const place = ['deviceManagement', device];
    const enabled = valueAt(values, place);
    if (typeof enabled !== 'boolean') continue;
    values = withValue(values, place, { enabled });
    note(place, `now called ${place.join('.')}.enabled`);
  }
  return { layer: { ...layer, values }, retired };
}

/** Where in `tree` there is something at `path`. */
function placesOf(path: ConfigPath, tree: ConfigTree): readonly ConfigPath[] {
  const star = path.indexOf('*');
  if (star < 0) return valueAt(tree, path) === undefined ? [] : [path];
  const map = valueAt(tree, path.slice(0, star));
  const keys = isTree(map) ? Object.keys(map) : [];
  return keys.flatMap((key) => placesOf([...path.slice(0, star), key, ...path.slice(star + 1)], tree));
}

function valueAt(tree: ConfigTree, path: ConfigPath): unknown {
  let value: unknown = tree;
  for (const key of path) value = isTree(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  return value;
}

function withValue(tree: ConfigTree, [key = '', ...rest]: ConfigPath, value: unknown): ConfigTree {
  if (rest.length === 0) return { ...tree, [key]: value };
  const inner = tree[key];
  return { ...tree, [key]: withValue(isTree(inner) ? inner : {}, rest, value) };
}
