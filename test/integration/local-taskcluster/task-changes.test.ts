import assert from 'node:assert/strict';
import type { TaskView } from '../../../src/local-taskcluster/server.js';
import { Deployment, POOL, WORKER, refusalOf, taskDefinition } from './deployment.js';

describe('the program that runs a local Taskcluster', () => {
  let mayClaim: (task: TaskView) => boolean = () => true;
  let definitionForWorker: (task: TaskView) => unknown = ({ definition }) => definition;
  const deployment = new Deployment(() => ({
    mayClaim: (task) => mayClaim(task),
    definitionForWorker: (task) => definitionForWorker(task),
  }));
  beforeEach(() => {
    mayClaim = () => true;
    definitionForWorker = ({ definition }) => definition;
  });

  /** Records the states of tasks, one entry for each change. */
  const record = (): string[] => {
    const seen: string[] = [];
    deployment.server.onTaskChange(({ definition, status }) => {
      const last = status.runs.at(-1);
      seen.push(
        [definition.metadata.name, status.state, ...(last?.reasonResolved ? [last.reasonResolved] : [])].join(' '),
      );
    });
    return seen;
  };
  const named = (name: string, changes: object = {}): Promise<string> => {
    const metadata = { ...(taskDefinition() as { readonly metadata: object }).metadata, name };
    return deployment.createTask({ metadata, ...changes });
  };
  const poll = (tasks = 1) => deployment.queue().claimWork(POOL, { tasks, ...WORKER });

  describe('hears of changes', () => {
    it('in the order in which they happen, those of followers after those of what they wait for', async () => {
      const seen = record();
      const first = await named('first');
      await named('second', { dependencies: [first] });
      await deployment.claim();
      await deployment.queue().reportCompleted(first, 0);
      await deployment.claim();
      assert.deepEqual(seen, [
        'first pending',
        'second unscheduled',
        'first running',
        'first completed completed',
        'second pending',
        'second running',
      ]);
    });

    it('of retries, cancellations and reruns', async () => {
      const seen = record();
      const taskId = await named('a');
      await deployment.claim();
      const queue = deployment.queue();
      await queue.reportException(taskId, 0, { reason: 'worker-shutdown' });
      await queue.cancelTask(taskId);
      await queue.rerunTask(taskId);
      assert.deepEqual(seen, ['a pending', 'a running', 'a pending', 'a exception canceled', 'a pending']);
    });

    it('until it stops listening', async () => {
      const seen: string[] = [];
      const stop = deployment.server.onTaskChange(({ taskId }) => {
        seen.push(taskId);
      });
      const taskId = await deployment.createTask();
      stop();
      await deployment.createTask();
      assert.deepEqual(seen, [taskId]);
    });

    it('as things were then, whatever happened since', async () => {
      const views: TaskView[] = [];
      deployment.server.onTaskChange((view) => {
        views.push(view);
      });
      const { taskId } = await deployment.runTask();
      assert.deepEqual(
        views.map(({ status }) => status.runs.map(({ state }) => state)),
        [['pending'], ['running']],
      );
      const [now] = deployment.server.tasks();
      assert.deepEqual([now?.taskId, now?.status.state], [taskId, 'running']);
    });
  });

  describe('holds tasks back', () => {
    const held = new Set<string>();
    beforeEach(() => {
      held.clear();
      mayClaim = ({ taskId }) => !held.has(taskId);
    });

    it('until it says that another answer is possible', async () => {
      const [one, two] = [await deployment.createTask(), await deployment.createTask()];
      held.add(one);
      assert.equal((await deployment.claim()).status.taskId, two);
      const waiting = poll();
      await deployment.queue().ping();
      held.delete(one);
      deployment.server.reviewPending();
      assert.deepEqual(
        (await waiting).tasks.map(({ status }) => status.taskId),
        [one],
      );
    });

    it('from claimTask too', async () => {
      const taskId = await deployment.createTask();
      held.add(taskId);
      const refusal = await refusalOf(deployment.queue().claimTask(taskId, 0, WORKER));
      assert.equal(refusal.statusCode, 409);
      assert.match(refusal.message, /held back/);
      held.delete(taskId);
      assert.equal((await deployment.queue().claimTask(taskId, 0, WORKER)).status.state, 'running');
    });

    it('by the number of those that run, even for a worker that asks for more at once', async () => {
      const running = (): number => deployment.server.tasks().filter(({ status }) => status.state === 'running').length;
      mayClaim = () => running() < 2;
      for (let count = 0; count < 4; count++) await deployment.createTask();
      const { tasks } = await poll(4);
      assert.equal(tasks.length, 2);
      const [first] = tasks;
      const waiting = poll(4);
      await deployment.queue().ping();
      await deployment.queue().reportCompleted(first?.status.taskId ?? '', 0);
      deployment.server.reviewPending();
      assert.equal((await waiting).tasks.length, 1);
    });

    it('and they stay pending', async () => {
      const taskId = await deployment.createTask();
      held.add(taskId);
      const other = await deployment.createTask();
      await poll(2);
      assert.equal((await deployment.queue().status(taskId)).status.state, 'pending');
      assert.equal((await deployment.queue().status(other)).status.state, 'running');
      assert.equal((await deployment.queue().pendingTasks(POOL)).pendingTasks, 1);
    });
  });

  describe('changes what workers get', () => {
    beforeEach(() => {
      definitionForWorker = ({ definition }) => ({ ...definition, payload: { ...definition.payload, added: true } });
    });

    it('from claimWork and claimTask, and nobody else', async () => {
      const taskId = await deployment.createTask({ payload: { command: ['true'] } });
      const { task } = await deployment.claim();
      assert.deepEqual(task.payload, { command: ['true'], added: true });
      assert.deepEqual((await deployment.queue().task(taskId)).payload, { command: ['true'] });
      const other = await deployment.createTask({ payload: {} });
      const claim = await deployment.queue().claimTask(other, 0, WORKER);
      assert.deepEqual(claim.task.payload, { added: true });
    });
  });
});
