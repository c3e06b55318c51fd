import { strict as assert } from 'node:assert';
import { payloadValidator } from '../../../src/lib/task/validate-payload.js';
import { PAYLOAD, taskOf } from './task-fixture.js';

describe('payload validation messages', () => {
  const now = (): Date => new Date('2026-11-25T12:00:00.000Z');
  const validate = payloadValidator(undefined, [], now);

  const wrong: readonly (readonly [string, unknown, readonly string[]])[] = [
    [
      'an artifact that has expired already',
      {
        artifacts: {
          'public/a': { type: 'file', path: '/', expires: '2026-11-25T11:44:59.999Z' },
          // Clocks differ.
          'public/b': { type: 'file', path: '/', expires: '2026-11-25T11:45:00.000Z' },
        },
      },
      ['data/artifacts/public/a/expires should not be in the past: "2026-11-25T11:44:59.999Z"'],
    ],
    [
      'names that no variable can have',
      { env: { 'A=B': 'c', '': 'd', 'a\0': 'e' } },
      ['A=B', '', 'a\0'].map(
        (name) =>
          `data/env should have other names than ${JSON.stringify(name)}: the name of a variable has no "=" or NUL character, and is not empty`,
      ),
    ],
    [
      'a mistyped key',
      { maxRuntime: 1, artifacts: { a: { tpye: 'file', type: 'file', path: '/' } }, fetaures: {} },
      [
        'data should NOT have additional properties: "maxRuntime" (did you mean "maxRunTime"?)',
        'data should NOT have additional properties: "fetaures" (did you mean "features"?)',
        'data/artifacts/a should NOT have additional properties: "tpye" (did you mean "type"?)',
      ],
    ],
    [
      'a command that is one text',
      { command: 'echo "hi"' },
      [
        'data/command should be array: write a list of words, or for a line of the shell: ["/bin/sh", "-c", "echo \\"hi\\""]',
      ],
    ],
    [
      'an image of a known type, nothing of the others',
      { image: { type: 'task-image', taskId: 'x', path: 1, name: 'y' } },
      [
        'data/image should NOT have additional properties: "name"',
        'data/image/taskId should match pattern "^[A-Za-z0-9_-]{8}[Q-T][A-Za-z0-9_-][CGKOSWaeimquy26-][A-Za-z0-9_-]{10}[AQgw]$"',
        'data/image/path should be string',
      ],
    ],
    [
      'an image of an unknown type, which there are',
      { image: { type: 'git-image', path: 'x' } },
      ['data/image/type should be equal to one of the allowed values: docker-image, indexed-image, task-image'],
    ],
    [
      'an image that is none',
      { image: 7 },
      ['data/image should be the name of an image, or an object with a type: docker-image, indexed-image, task-image'],
    ],
    ['an image without a name', { image: '' }, ['data/image should NOT have fewer than 1 characters']],
  ];
  for (const [what, changes, expected] of wrong) {
    it(`say how to fix ${what}`, () => {
      const result = validate(taskOf(JSON.parse(JSON.stringify({ ...PAYLOAD, ...(changes as object) }))));
      assert.deepEqual('problems' in result ? result.problems : [], expected);
    });
  }

  it('list schema errors and other problems together', () => {
    const payload = {
      ...PAYLOAD,
      bogus: 1,
      command: 'x',
      log: '../x',
      cache: { a: '/x', b: '/x', c: 7 },
      env: { 'A=B': 'c', D: 1 },
      artifacts: {
        a: { type: 'file', path: '' },
        b: { type: 'link', path: '' },
        c: { type: 'file', path: '', expires: 'soon' },
        d: { type: 'volume', path: '/x', bogus: 1 },
      },
      features: { timeTravel: true, artifacts: true },
    };
    const result = validate(taskOf(payload));
    assert.ok('rest' in result);
    const places = result.problems.map((problem) => /^data\S* should (?:NOT )?\S+ \S+/.exec(problem)?.[0]).sort();
    assert.deepEqual(places, [
      'data should NOT have additional',
      'data/artifacts/a/path should not be',
      'data/artifacts/b/type should be equal',
      'data/artifacts/c/expires should match format',
      'data/artifacts/d should NOT have additional',
      'data/artifacts/d/path should be another',
      'data/cache/b should be another',
      'data/cache/c should be string',
      'data/command should be array:',
      'data/env should have other',
      'data/env/D should be string',
      'data/features should NOT have additional',
      'data/log should not have',
    ]);
    assert.deepEqual(result.rest.features, { artifacts: true });
    assert.equal(JSON.stringify(payload).includes('timeTravel'), true);
  });

  it('ignore properties of Object.prototype, whatever names an author chooses', () => {
    const before = Object.getOwnPropertyNames(Object.prototype);
    const names = '{"hasOwnProperty":1,"toString":1,"valueOf":1}';
    for (const place of [
      `"artifacts":{"__proto__":${names}}`,
      `"__proto__":${names}`,
      `"image":{"__proto__":${names}}`,
    ]) {
      const { payload } = JSON.parse(`{"payload":{"image":"x","maxRunTime":1,"nonsense":1,${place}}}`) as {
        payload: object;
      };
      assert.ok('problems' in validate(taskOf(payload)));
      assert.deepEqual(Object.getOwnPropertyNames(Object.prototype), before, place);
    }
  });
});
