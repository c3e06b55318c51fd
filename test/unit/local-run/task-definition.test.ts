import { strict as assert } from 'node:assert';
import { TaskFileError, taskDefinition } from '../../../src/local-run/task-definition.js';

const QUEUE = { provisionerId: 'local', workerType: 'here' };

describe('the task in a file', () => {
  const define = (text: string, env = {}): Record<string, unknown> => taskDefinition(text, 'a.yml', QUEUE, env);

  it('may be a bare payload', () => {
    const { payload, provisionerId, workerType, metadata, scopes } = define(
      'image: x\ncommand: [echo]\nmaxRunTime: 5\n',
    );
    assert.deepEqual(payload, { image: 'x', command: ['echo'], maxRunTime: 5 });
    assert.deepEqual([provisionerId, workerType], ['local', 'here']);
    assert.deepEqual(scopes, ['docker-worker:*']);
    assert.equal((metadata as { name: string }).name, 'a.yml');
  });

  it('may be JSON', () => {
    assert.deepEqual(define('{"image": "x", "maxRunTime": 5}')['payload'], { image: 'x', maxRunTime: 5 });
  });

  it('may be a whole task, whose pool and times are replaced', () => {
    const task = define(`
taskQueueId: other/queue
provisionerId: other
workerType: queue
taskGroupId: aaaaaaaaQ_CaaaaaaaaaaA
dependencies: [aaaaaaaaQ_CaaaaaaaaaaB]
created: 2020-01-01T00:00:00.000Z
deadline: 2020-01-01T00:00:00.000Z
expires: 2020-01-01T00:00:00.000Z
scopes: [a:b]
priority: low
metadata: {name: mine, description: d, owner: o@example.com, source: https://example.com}
payload: {image: x, maxRunTime: 5}
`);
    const { created, deadline, expires, ...rest } = task;
    assert.deepEqual(rest, {
      provisionerId: 'local',
      workerType: 'here',
      scopes: ['a:b'],
      priority: 'low',
      metadata: { name: 'mine', description: 'd', owner: 'o@example.com', source: 'https://example.com' },
      payload: { image: 'x', maxRunTime: 5 },
    });
    const times = [created, deadline, expires].map((text) => new Date(text as string).getTime());
    assert.deepEqual([...times].sort(), times);
    assert.ok((times[1] ?? 0) > Date.now());
  });

  it('has artifacts that expire with it unless their time is invalid', () => {
    const { payload } = define(`
image: x
artifacts:
  past: {type: file, path: /a, expires: 2020-01-01T00:00:00.000Z}
  future: {type: file, path: /b, expires: '2099-01-01T00:00:00.000Z'}
  wrong: {type: file, path: /c, expires: never}
  broken: 7
`);
    const { artifacts } = payload as { artifacts: unknown };
    assert.deepEqual(artifacts, {
      past: { type: 'file', path: '/a' },
      future: { type: 'file', path: '/b' },
      wrong: { type: 'file', path: '/c', expires: 'never' },
      broken: 7,
    });
  });

  it('has one hour when it has no maxRunTime', () => {
    assert.deepEqual(define('image: x')['payload'], { image: 'x', maxRunTime: 3600 });
  });

  it('gets the given variables over its own', () => {
    const { payload } = define('image: x\nenv: {A: old, B: kept}', { A: 'new', C: 'more' });
    assert.deepEqual((payload as { env: unknown }).env, { A: 'new', B: 'kept', C: 'more' });
  });

  const wrong: readonly (readonly [string, RegExp])[] = [
    ['a: [1', /a\.yml is not YAML: /],
    ['', /a\.yml does not hold a task: expected a map/],
    ['[1, 2]', /a\.yml does not hold a task: expected a map/],
    ['just text', /expected a map/],
    ['command: [echo]', /neither a task \(no "payload"\) nor a payload \(no "image"\)/],
  ];
  for (const [text, message] of wrong) {
    it(`is refused with a message when the file holds ${JSON.stringify(text)}`, () => {
      assert.throws(
        () => define(text),
        (error) => {
          assert.ok(error instanceof TaskFileError);
          assert.match(error.message, message);
          return true;
        },
      );
    });
  }
});
