import type { ConfigPath, Layer } from './layers.js';
import { valueAt, withValue, without, withoutInEach } from './tree-paths.js';

interface RetiredKey {
  readonly path: ConfigPath;
  /** The keys that replace it. */
  readonly successors?: readonly ConfigPath[];
}

/** Retired keys within each entry of a map. */
const RETIRED_IN_EACH: readonly { readonly map: ConfigPath; readonly key: string }[] = [
  { map: ['registries'], key: 'email' },
];
const DEVICES = ['cpu', 'loopbackAudio', 'loopbackVideo', 'hostSharedMemory', 'kvm'];

/** Keys of older versions, accepted so that an old configuration file still starts a worker. */
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
    // Chain of trust's GPG signature; the ed25519 key has its own key.
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
  // Must come before the key that sets both.
  { path: ['balrogStageVPNProxyImage'], successors: [['sidecars', 'balrogStageVPNProxy', 'image']] },
  {
    path: ['balrogVPNProxyImage'],
    successors: [
      ['sidecars', 'balrogVPNProxy', 'image'],
      ['sidecars', 'balrogStageVPNProxy', 'image'],
    ],
  },
  { path: ['garbageCollection', 'dockerVolume'], successors: [['dockerVolume']] },
];

/** Returns whether the top-level `key` is one of an older version. */
export function isRetiredKey(key: string): boolean {
  return RETIRED_KEYS.some(({ path }) => path.length === 1 && path[0] === key);
}

/** Moves or drops a layer's retired keys, with a warning for each. Does not change the given layer. */
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
  for (const { map, key } of RETIRED_IN_EACH) {
    const { tree, entries } = withoutInEach(values, map, key);
    values = tree;
    for (const entry of entries) note([...map, entry, key], 'ignored');
  }
  for (const { path, successors = [] } of RETIRED_KEYS) {
    const value = valueAt(values, path);
    if (value === undefined) continue;
    values = without(values, path);
    for (const successor of successors) {
      // A value that the file sets for the successor wins.
      if (valueAt(values, successor) === undefined) values = withValue(values, successor, value);
    }
    const now = successors.map((successor) => successor.join('.')).join(' and ');
    note(path, now === '' ? 'ignored' : `now called ${now}`);
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
