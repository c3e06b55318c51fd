import fc from 'fast-check';
import { textOf } from './text.js';

const wellFormed = (tokens: readonly string[], max: number): fc.Arbitrary<string> =>
  textOf(tokens, max).map((text) => text.toWellFormed());

/** Of texts that some of its inputs would not be valid with, those that are. */
const only = (text: fc.Arbitrary<string>, otherwise: string, isGood: (text: string) => boolean): fc.Arbitrary<string> =>
  text.map((each) => (isGood(each) ? each : otherwise));

const word = wellFormed(['--', 'a', '$', '=', '\n', '"'], 20_000);
const artifactName = only(
  wellFormed(['public/', 'a', '/', '.', '-', 'b c', '%'], 900),
  'public/x',
  (name) => /^[\x20-\x26\x28-\x7e]+$/.test(name) && !name.split('/').some((part) => ['', '.', '..'].includes(part)),
);
const path = only(
  wellFormed(['/', 'a', '..', ' ', 'é'], 3000),
  '/a',
  (each) => each !== '' && !each.includes('\0') && Buffer.byteLength(each) < 4000,
);
/** Below a directory that no other mount is in. */
const mountPath = fc
  .tuple(
    fc.uuid(),
    only(wellFormed(['a', '/', 'b', ' '], 200), 'x', (each) => !/(^|\/)\.\.?(\/|$)|[:\0]/.test(each)),
  )
  .map(([id, rest]) => `/${id}/${rest}`);
const cacheName = only(
  wellFormed(['a', '-', '.', ':', '/', 'é', '%'], 60),
  'cache',
  (name) => name !== '' && name !== '.' && !/::|\.\.|\p{Cc}/u.test(name) && Buffer.byteLength(name) < 80,
);

const image = fc.oneof(
  wellFormed(['a', ':', '/', '@sha256:'], 300).map((name) => name || 'a'),
  fc.record({ type: fc.constant('docker-image'), name: fc.constant('ubuntu:24.04') }),
  fc.record({ type: fc.constant('indexed-image'), namespace: wellFormed(['a', '.'], 100), path: artifactName }),
  fc.record({ type: fc.constant('task-image'), taskId: fc.constant('aaaaaaaaQ_CaaaaaaaaaaA'), path: artifactName }),
);

const artifact = fc
  .tuple(
    path,
    mountPath,
    fc.record(
      {
        type: fc.constantFrom('file', 'directory', 'volume'),
        expires: fc.constantFrom('2026-11-30T00:00:00.000Z', '2026-11-30T00:00:00+05:00', '1970-01-01T00:00:00Z'),
        contentType: fc.constantFrom('', 'text/plain', 'a; b="c"', '~'.repeat(5000)),
        contentEncoding: fc.constantFrom('identity', 'gzip'),
        optional: fc.boolean(),
      },
      { requiredKeys: ['type'] },
    ),
  )
  .map(([plain, mounted, rest]) => ({ path: rest.type === 'volume' ? mounted : plain, ...rest }));

const cacheMount = fc.tuple(mountPath, fc.constantFrom('', ':ro', ':rw')).map(([place, mode]) => place + mode);
const exitCodes = fc.array(fc.integer({ min: -(2 ** 31), max: 2 ** 31 }), { maxLength: 300 });
const flags = (...names: readonly string[]): fc.Arbitrary<object> =>
  fc.record(Object.fromEntries(names.map((name) => [name, fc.boolean()])), { requiredKeys: [] });
const dictionary = <T>(key: fc.Arbitrary<string>, value: fc.Arbitrary<T>): fc.Arbitrary<Record<string, T>> =>
  fc.array(fc.tuple(key, value), { maxLength: 8 }).map((entries) => Object.fromEntries(entries));
/** One entry in great numbers. */
const crowded = <T>(few: fc.Arbitrary<Record<string, T>>, more: (n: number) => T): fc.Arbitrary<Record<string, T>> =>
  fc
    .tuple(
      few,
      fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.integer({ min: 1, max: 6000 }) }),
    )
    .map(([entries, count]) => ({
      ...entries,
      ...Object.fromEntries(Array.from({ length: count }, (_, n) => [`more-${n}`, more(n)])),
    }));

/** Payloads that a worker with all features enabled has to take. */
export const goodPayload: fc.Arbitrary<object> = fc.record(
  {
    image,
    maxRunTime: fc.integer({ min: 1, max: 2 ** 31 }),
    command: fc.array(word, { maxLength: 20 }),
    env: crowded(
      dictionary(
        fc.oneof(
          fc.constantFrom('A', '__proto__', 'constructor'),
          only(wellFormed(['A', '_', '1'], 100), 'A', (name) => name !== '' && !/[=\0]/.test(name)),
        ),
        word,
      ),
      (n) => `value ${n}`,
    ),
    cache: crowded(dictionary(cacheName, cacheMount), (n) => `/caches/${n}`),
    capabilities: fc.record(
      {
        privileged: fc.boolean(),
        disableSeccomp: fc.boolean(),
        devices: flags('loopbackVideo', 'loopbackAudio', 'hostSharedMemory', 'kvm', 'cpu'),
      },
      { requiredKeys: [] },
    ),
    artifacts: crowded(dictionary(artifactName, artifact), (n) => ({ type: 'file' as const, path: `/${n}` })),
    features: flags(
      'localLiveLog',
      'artifacts',
      'bulkLog',
      'taskclusterProxy',
      'interactive',
      'allowPtrace',
      'chainOfTrust',
      'dind',
    ),
    onExitStatus: fc.record({ retry: exitCodes, purgeCaches: exitCodes }, { requiredKeys: [] }),
    log: fc.oneof(
      fc.constant(''),
      artifactName.map((name) => `logs/${name}`),
    ),
    encryptedEnv: fc.array(word, { maxLength: 20 }),
    supersederUrl: word,
  },
  { requiredKeys: ['image', 'maxRunTime'] },
);

export const PAYLOAD_KEYS = [
  'image',
  'maxRunTime',
  'command',
  'env',
  'cache',
  'capabilities',
  'devices',
  'artifacts',
  'features',
  'onExitStatus',
  'retry',
  'log',
  'encryptedEnv',
  'type',
  'path',
  'expires',
  'public/a',
  'task-image',
];
