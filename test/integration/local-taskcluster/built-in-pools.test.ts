import assert from 'node:assert/strict';
import { once, EventEmitter } from 'node:events';
import type { TaskView } from '../../../src/local-taskcluster/server.js';
import { Deployment } from './deployment.js';

describe('the built-in pools of the local Taskcluster', () => {
  let isOpen = true;
  const deployment = new Deployment(() => {
    isOpen = true;
    return { mayClaim: () => isOpen };
  });

  /** Creates the task and returns its last run, once it is resolved. */
  const runOf = async (taskQueueId: string, changes: object = {}) => {
    const taskId = await deployment.createTask({ taskQueueId, payload: {}, ...changes });
    return (await resolved(taskId)).status.runs.at(-1);
  };
  const resolved = async (taskId: string): Promise<TaskView> => {
    const events = new EventEmitter();
    const stop = deployment.server.onTaskChange((task) => events.emit(task.taskId));
    try {
      for (;;) {
        const changed = once(events, taskId);
        const task = deployment.server.tasks().find((each) => each.taskId === taskId);
        if (task?.status.runs.at(-1)?.resolved !== undefined) return task;
        await changed;
      }
    } finally {
      stop();
    }
  };

  it('complete tasks, or let them fail, as a worker', async () => {
    for (const [pool, state] of [
      ['built-in/succeed', 'completed'],
      ['built-in/fail', 'failed'],
    ] as const) {
      const run = await runOf(pool);
      assert.deepEqual(
        [run?.state, run?.reasonResolved, run?.workerGroup, run?.workerId],
        [state, state, 'built-in', 'built-in'],
      );
      assert.ok(run?.started !== undefined && run.resolved !== undefined && run.started <= run.resolved);
    }
  });

  it('refuse a payload that is not empty', async () => {
    const run = await runOf('built-in/succeed', { payload: { image: 'x' } });
    assert.deepEqual([run?.state, run?.reasonResolved], ['exception', 'malformed-payload']);
  });

  it('let followers start', async () => {
    const first = await deployment.createTask({ taskQueueId: 'built-in/succeed', payload: {} });
    const follower = await deployment.createTask({ dependencies: [first] });
    assert.equal((await deployment.claim()).status.taskId, follower);
  });

  it('wait until tasks may be claimed', async () => {
    isOpen = false;
    const taskId = await deployment.createTask({ taskQueueId: 'built-in/succeed', payload: {} });
    await deployment.queue().ping();
    assert.equal((await deployment.queue().status(taskId)).status.state, 'pending');
    isOpen = true;
    deployment.server.reviewPending();
    assert.equal((await resolved(taskId)).status.state, 'completed');
  });
});
