import assert from 'node:assert/strict';
import { clients } from 'taskcluster-client';
import type { Index } from 'taskcluster-client';
import { Deployment, statusCodeOf } from './deployment.js';

describe('the routes of tasks in the local Taskcluster', () => {
  const deployment = new Deployment();
  let index: Index;
  beforeEach(() => {
    index = new clients.Index(deployment.clientOptions({ credentials: {} }));
  });

  const run = async (changes: object, outcome: 'reportCompleted' | 'reportFailed' = 'reportCompleted') => {
    const { taskId, queue, task } = await deployment.runTask(changes);
    await queue[outcome](taskId, 0);
    return { taskId, expires: task.expires };
  };

  it('index a task once it has completed', async () => {
    const { taskId, queue, task } = await deployment.runTask({
      routes: ['index.a.latest', 'index.a.revision.1', 'checks'],
    });
    assert.equal(await statusCodeOf(index.findTask('a.latest')), 404);
    await queue.reportCompleted(taskId, 0);
    for (const namespace of ['a.latest', 'a.revision.1']) {
      const expected = { namespace, taskId, rank: 0, data: {}, expires: task.expires };
      assert.deepEqual(await index.findTask(namespace), expected);
    }
  });

  it('index a task with the rank, data and expiry from its definition', async () => {
    const expires = new Date(Date.now() + 60_000).toJSON();
    const extra = { index: { rank: 7, data: { some: 'thing' }, expires } };
    const { taskId } = await run({ routes: ['index.a'], extra });
    await run({ routes: ['index.a'], extra: { index: { rank: 6 } } });
    assert.deepEqual(await index.findTask('a'), { namespace: 'a', taskId, ...extra.index });
  });

  it('are ignored for tasks that do not complete', async () => {
    await run({ routes: ['index.a'] }, 'reportFailed');
    assert.equal(await statusCodeOf(index.findTask('a')), 404);
  });

  for (const [what, changes] of [
    ['a rank that is not a number', { extra: { index: { rank: 'high' } } }],
    ['data that is not an object', { extra: { index: { data: [1] } } }],
    ['an expiry that is not a date', { extra: { index: { expires: 'never' } } }],
  ] as const) {
    it(`are ignored with ${what}`, async () => {
      await run({ routes: ['index.a'], ...changes });
      assert.equal(await statusCodeOf(index.findTask('a')), 404);
    });
  }

  it('are ignored if they are not valid index paths', async () => {
    const { taskId } = await run({ routes: ['index.a..b', 'index.', `index.${'a'.repeat(240)} b`, 'index.a'] });
    const { tasks } = await index.listTasks('');
    assert.deepEqual(
      tasks.map((task) => [task.namespace, task.taskId]),
      [['a', taskId]],
    );
  });
});
