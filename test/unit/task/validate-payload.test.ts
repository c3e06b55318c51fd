import { strict as assert } from 'node:assert';
import { deepFreeze, payloadValidator } from '../../../src/lib/task/validate-payload.js';
import { PAYLOAD, taskOf } from './task-fixture.js';

describe('the payload validator', () => {
  const now = (): Date => new Date('2026-11-25T12:00:00.000Z');
  const validate = payloadValidator(undefined, [], now);
  const problems = (payload: unknown): readonly string[] => {
    const result = validate(taskOf(payload));
    return 'problems' in result ? result.problems : [];
  };

  it('accepts the minimal payload', () => {
    assert.deepEqual(validate(taskOf({ image: 'x', maxRunTime: 1 })), { payload: { image: 'x', maxRunTime: 1 } });
  });

  it('accepts every key of older payloads', () => {
    assert.deepEqual(
      problems({
        ...PAYLOAD,
        env: { A: 'b' },
        cache: { name: '/path', 'level-1/checkouts': '/builds:ro', '/rw': '/out/:rw' },
        capabilities: { privileged: true, disableSeccomp: true, devices: { kvm: true, hostSharedMemory: false } },
        artifacts: { 'public/a': { type: 'volume', path: '/a', expires: '2026-12-01T00:00:00.000Z' } },
        features: { dind: true, dockerSave: false, relengAPIProxy: true, balrogVPNProxy: true },
        onExitStatus: { retry: [0, 1, 1, -1], purgeCaches: [2, -1, 2] },
        log: '',
        encryptedEnv: ['abc'],
        supersederUrl: 'anything at all',
      }),
      [],
    );
  });

  it('has no default cap on maxRunTime', () => {
    assert.deepEqual(problems({ ...PAYLOAD, maxRunTime: 10_000_000 }), []);
  });

  const wrong: readonly (readonly [string, unknown, readonly string[]])[] = [
    [
      'a number where an integer belongs',
      { onExitStatus: { retry: [1.5] } },
      ['data/onExitStatus/retry/0 should be integer'],
    ],
    [
      'a string where an integer belongs',
      { onExitStatus: { retry: ['1'] } },
      ['data/onExitStatus/retry/0 should be integer'],
    ],
    ['a missing key', { maxRunTime: undefined }, ["data should have required property 'maxRunTime'"]],
    ['an unknown key', { bogus: 1 }, ['data should NOT have additional properties: "bogus"']],
    ['maxRunTime 0', { maxRunTime: 0 }, ['data/maxRunTime should be >= 1']],
    ['a variable that is not a string', { env: { A: 1 } }, ['data/env/A should be string']],
    [
      'an unknown kind of artifact',
      { artifacts: { a: { type: 'link', path: '/' } } },
      ['data/artifacts/a/type should be equal to one of the allowed values: file, directory, volume'],
    ],
    [
      'an artifact that outlives its task',
      { artifacts: { 'public/a~b': { type: 'file', path: '/', expires: '2026-12-01T00:00:00.001Z' } } },
      [
        "Artifact expiration for 'public/a~b' must not be greater than task expiration: data/artifacts/public/a~b/expires is 2026-12-01T00:00:00.001Z, and the task expires 2026-12-01T00:00:00.000Z",
      ],
    ],
    [
      'a log whose name leads elsewhere',
      { log: 'public/logs/../x.log' },
      [
        'data/log should not have an empty part, "." or ".." between its slashes, an apostrophe, or more than 1016 characters: "public/logs/../x.log"',
      ],
    ],
    [
      'a log with an empty part in its name',
      { log: '/x.log' },
      [
        'data/log should not have an empty part, "." or ".." between its slashes, an apostrophe, or more than 1016 characters: "/x.log"',
      ],
    ],
    [
      'paths that no file can have',
      { artifacts: { a: { type: 'file', path: '/a\0b' }, b: { type: 'directory', path: '' } } },
      [
        'data/artifacts/a/path should not hold a NUL character: no file can have that name',
        'data/artifacts/b/path should not be empty',
      ],
    ],
    [
      'a media type that no header can hold',
      { artifacts: { a: { type: 'file', path: '/a', contentType: 'text/plain\nX-Evil: 1' } } },
      ['data/artifacts/a/contentType should be printable ASCII, as HTTP demands: "text/plain\\nX-Evil: 1"'],
    ],
    [
      'dates that match the pattern but do not exist',
      { artifacts: { a: { type: 'file', path: '/a', expires: '2026-11-25T23:59:60Z' } } },
      ['data/artifacts/a/expires should be a date such as 2030-01-31T12:00:00.000Z: "2026-11-25T23:59:60Z"'],
    ],
    [
      'a path that is too long for any file',
      { artifacts: { a: { type: 'directory', path: '/'.repeat(4096) } } },
      ['data/artifacts/a/path should be no longer than 4095 bytes, as no file has such a path'],
    ],
    [
      'halves of surrogate pairs',
      { env: { A: 'x\ud800' }, command: ['\udc00'], cache: { '\ud800': '/c' } },
      [
        'data/command/0 should be well-formed Unicode: "\\udc00"',
        'data/env/A should be well-formed Unicode: "x\\ud800"',
        'data/cache should have keys that are well-formed Unicode: "\\ud800"',
      ],
    ],
    ...['relative', '/', '//', '/a/../b', '/a:b', './a'].map(
      (path) =>
        [
          `a volume at ${path}`,
          { artifacts: { 'public/v': { type: 'volume', path } } },
          [
            `data/artifacts/public/v/path should be an absolute path below /, without "." or ".." or a colon, where the volume is mounted: "${path}"`,
          ],
        ] as const,
    ),
    ...['', '.', '..', 'a/../b', 'a::b', 'a..b', 'a\u0085', 'x'.repeat(256), 'é'.repeat(128)].map(
      (name) =>
        [
          `a cache named ${JSON.stringify(name.slice(0, 8))}`,
          { cache: { [name]: '/c' } },
          [
            `data/cache should have other names than ${JSON.stringify(name)}: a cache's name is 1 to 255 bytes long, is not ".", and has no "::", ".." or control character`,
          ],
        ] as const,
    ),
    ...['relative', '/', '', '/a/../b', '/a:rx', '/a:ro:ro', '/:ro'].map(
      (path) =>
        [
          `a cache at "${path}"`,
          { cache: { 'a~b': path } },
          [
            `data/cache/a~b should be an absolute path below /, without "." or ".." or a colon, where the cache is mounted: "${path}"`,
          ],
        ] as const,
    ),
    [
      'two caches at one path',
      { cache: { a: '/c/', b: '/c', c: '/c/d' } },
      ['data/cache/b should be another path: the cache "a" is mounted at /c'],
    ],
    [
      'volumes and caches at one path',
      {
        cache: { c: '/cache/' },
        artifacts: {
          a: { type: 'volume', path: '/cache' },
          b: { type: 'volume', path: '/v//x' },
          c: { type: 'volume', path: '/v/x/' },
          d: { type: 'file', path: '/v/x' },
        },
      },
      [
        'data/artifacts/a/path should be another path: the cache "c" is mounted at /cache',
        'data/artifacts/c/path should be another path: the volume of artifact "b" is mounted at /v/x/',
      ],
    ],
  ];
  for (const [what, changes, expected] of wrong) {
    it(`says how to fix ${what}`, () => {
      const payload: unknown = JSON.parse(JSON.stringify({ ...PAYLOAD, ...(changes as object) }));
      assert.deepEqual(problems(payload), expected);
    });
  }

  it('lists every problem at once', () => {
    assert.deepEqual([...problems({ image: 'x', bogus: 1, env: { A: 1 }, maxRunTime: 'x' })].sort(), [
      'data should NOT have additional properties: "bogus"',
      'data/env/A should be string',
      'data/maxRunTime should be integer',
    ]);
  });

  it('names features that do not exist', () => {
    const result = validate(taskOf({ ...PAYLOAD, features: { timeTravel: true } }));
    assert.deepEqual('unknownFeatures' in result && result.unknownFeatures, ['timeTravel']);
  });

  it('accepts additional features of this worker', () => {
    const more = payloadValidator(undefined, ['ourProxy', 'dind']);
    assert.ok('payload' in more(taskOf({ ...PAYLOAD, features: { ourProxy: true, dind: false } })));
    assert.ok('problems' in more(taskOf({ ...PAYLOAD, features: { ourProxy: 'yes' } })));
    assert.ok('problems' in validate(taskOf({ ...PAYLOAD, features: { ourProxy: true } })));
  });

  for (const payload of [null, undefined, 'text', 7, []]) {
    it(`refuses a payload that is ${String(payload)}`, () => {
      assert.deepEqual(problems(payload), ['data should be object']);
    });
  }

  it('refuses a payload nested too deeply for other programs', () => {
    const nested = (levels: number): unknown => JSON.parse(`${'['.repeat(levels)}${']'.repeat(levels)}`);
    for (const levels of [101, 100_000]) {
      assert.deepEqual(problems({ ...PAYLOAD, command: nested(levels) }), [
        'data should not be nested more than 100 levels deep',
      ]);
    }
    assert.deepEqual(problems({ ...PAYLOAD, command: nested(2) }), ['data/command/0 should be string']);
  });

  it('freezes a definition of any depth', () => {
    const deep: unknown = JSON.parse(`${'[{"a":'.repeat(50_000)}1${'}]'.repeat(50_000)}`);
    deepFreeze(deep);
    let innermost = deep;
    while (typeof innermost === 'object' && innermost !== null) {
      assert.ok(Object.isFrozen(innermost));
      const inner: readonly unknown[] = Object.values(innermost);
      innermost = inner[0];
    }
    assert.equal(innermost, 1);
  });

  it('refuses a maxRunTime that is longer than this worker allows', () => {
    const capped = payloadValidator(100);
    assert.ok('payload' in capped(taskOf({ ...PAYLOAD, maxRunTime: 100 })));
    const result = capped(taskOf({ ...PAYLOAD, maxRunTime: 101 }));
    assert.match('problems' in result ? (result.problems[0] ?? '') : '', /^data\/maxRunTime should be <= 100/);
  });

  it('does not change the definition, and returns a frozen payload', () => {
    const payload = { ...PAYLOAD, capabilities: {}, features: {} };
    for (const definition of [taskOf(payload), deepFreeze(taskOf(payload))]) {
      const before = JSON.stringify(definition);
      const result = validate(definition);
      assert.ok('payload' in result);
      assert.equal(JSON.stringify(definition), before);
      assert.ok(Object.isFrozen(result.payload) && Object.isFrozen(result.payload.features));
    }
  });

  describe('given more than an author would write', () => {
    const LONG = 'a/'.repeat(500_000);
    const many = (count: number, value: (index: number) => unknown): Readonly<Record<string, unknown>> =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`name-${index}`, value(index)]));

    it('accepts valid payloads of any size', () => {
      const payload = {
        ...PAYLOAD,
        env: many(20_000, String),
        artifacts: many(20_000, () => ({ type: 'file', path: '/' })),
      };
      assert.deepEqual(validate(taskOf(payload)), { payload });
    });

    it('lists at most a hundred problems', () => {
      const list = problems({ ...PAYLOAD, env: many(1000, Number) });
      assert.equal(list.length, 101);
      assert.equal(list[99], 'data/env/name-99 should be string');
      assert.equal(list[100], 'there are more problems than these 100');
      const empty = problems({ ...PAYLOAD, artifacts: many(1000, () => ({ type: 'file', path: '' })) });
      assert.deepEqual([empty.length, empty[100]], [101, list[100]]);
    });

    it('lists only the first problem of a payload with too many values', () => {
      assert.deepEqual(problems({ ...PAYLOAD, env: many(6000, Number) }), [
        'data/env/name-0 should be string',
        'there may be more problems: a payload with more than 5000 values is checked up to the first',
      ]);
      assert.equal(problems({ ...PAYLOAD, artifacts: many(6000, () => ({ type: 'file', path: '' })) }).length, 101);
    });

    const long: readonly (readonly [string, unknown])[] = [
      ['an image', { type: 'task-image', taskId: LONG, path: 'x' }],
      ['a log', LONG],
      ['a cache', { [LONG]: LONG }],
      ['env', { [LONG]: 1 }],
      ['artifacts', { [LONG]: { type: 'volume', path: LONG, contentType: `${LONG}é` } }],
      ['features', { [LONG]: true }],
      ['onExitStatus', { retry: LONG }],
      ['command', [`${LONG}\ud800`]],
    ];
    for (const [what, value] of long) {
      it(`quotes only the beginning of a long string in ${what}`, () => {
        const key = what.split(' ').at(-1) ?? '';
        const list = problems({ ...PAYLOAD, [key]: value });
        assert.ok(list.length > 0);
        assert.ok(list.join().length < 10_000, String(list.join().length));
      });
    }
  });
});
