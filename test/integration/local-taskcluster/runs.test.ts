import assert from 'node:assert/strict';
import { nice as newSlugid } from 'slugid';
import type { Queue } from 'taskcluster-client';
import { Deployment, ManualClock, POOL, WORKER, statusCodeOf, taskDefinition } from './deployment.js';

describe('rerunning a task in the local Taskcluster', () => {
  const deployment = new Deployment();

  it('creates a new run however the task was resolved, and restores its retries', async () => {
    const { taskId, queue } = await deployment.runTask({ retries: 2 });
    await queue.reportException(taskId, 0, { reason: 'intermittent-task' });
    await deployment.claim();
    const root = deployment.queue();
    await root.reportCompleted(taskId, 1);
    assert.equal((await root.status(taskId)).status.retriesLeft, 1);
    const { status } = await root.rerunTask(taskId);
    assert.deepEqual([status.state, status.retriesLeft, status.runs.length], ['pending', 2, 3]);
    assert.equal(status.runs[2]?.reasonCreated, 'rerun');
    assert.equal(status.runs[1]?.state, 'completed');
    const again = await deployment.claim();
    assert.deepEqual([again.status.taskId, again.runId], [taskId, 2]);
    await root.cancelTask(taskId);
    assert.equal((await root.rerunTask(taskId)).status.state, 'pending');
  });

  it('leaves a pending or running task unchanged', async () => {
    const root = deployment.queue();
    const taskId = await deployment.createTask();
    assert.equal((await root.rerunTask(taskId)).status.runs.length, 1);
    await deployment.claim();
    const { status } = await root.rerunTask(taskId);
    assert.deepEqual([status.state, status.runs.length], ['running', 1]);
  });

  it('schedules a task that waits for its dependencies', async () => {
    const taskId = newSlugid();
    await deployment.queue().createTask(taskId, taskDefinition({ dependencies: [taskId] }));
    const { status } = await deployment.queue().rerunTask(taskId);
    assert.deepEqual([status.state, status.runs[0]?.reasonCreated], ['pending', 'rerun']);
  });

  it('is refused after the fiftieth run', async () => {
    const root = deployment.queue();
    const taskId = await deployment.createTask({ retries: 5 });
    for (let runs = 1; runs < 50; runs++) {
      await root.cancelTask(taskId);
      await root.rerunTask(taskId);
    }
    const { status } = await root.cancelTask(taskId);
    assert.deepEqual([status.runs.length, status.retriesLeft], [50, 0]);
    assert.equal(await statusCodeOf(root.rerunTask(taskId)), 409);
  });
});

describe('claiming a single run of the local Taskcluster', () => {
  let clock = new ManualClock();
  const deployment = new Deployment(() => ({ now: (clock = new ManualClock()).now, longPollMs: 20 }));

  it('returns the same as claimWork, and the run is not handed out again', async () => {
    const [first, taskId] = [await deployment.createTask(), await deployment.createTask()];
    const root = deployment.queue();
    const claim = await root.claimTask(taskId, 0, WORKER);
    assert.equal(claim.status.state, 'running');
    assert.deepEqual(claim.task, await root.task(taskId));
    assert.equal((await deployment.claim()).status.taskId, first);
    assert.deepEqual(await root.claimWork(POOL, WORKER), { tasks: [] });
    const queue = deployment.queue({ credentials: claim.credentials });
    await queue.reclaimTask(taskId, 0);
    assert.equal((await queue.reportCompleted(taskId, 0)).status.state, 'completed');
  });

  it('is refused for runs that are not pending or do not exist', async () => {
    const taskId = await deployment.createTask();
    const claim = (runId: number) => deployment.queue().claimTask(taskId, runId, WORKER);
    await claim(0);
    assert.equal(await statusCodeOf(claim(0)), 409, 'running');
    await deployment.queue().reportCompleted(taskId, 0);
    assert.equal(await statusCodeOf(claim(0)), 409, 'completed');
    assert.equal(await statusCodeOf(claim(1)), 404);
    assert.equal(await statusCodeOf(deployment.queue().claimTask(newSlugid(), 0, WORKER)), 404);
    const request = { tasks: 1, ...WORKER };
    assert.equal(await statusCodeOf(deployment.queue().claimTask(taskId, 0, request)), 400);
  });

  it('is refused after the deadline', async () => {
    const taskId = await deployment.createTask({}, clock.now());
    clock.advance(61);
    assert.equal(await statusCodeOf(deployment.queue().claimTask(taskId, 0, WORKER)), 409);
  });
});

describe('the scopes of runs in the local Taskcluster', () => {
  const deployment = new Deployment();
  const withScopes = (...scopes: string[]): Queue => {
    deployment.server.addClient({ clientId: 'narrow', accessToken: 'secret', scopes });
    return deployment.queue({ credentials: { clientId: 'narrow', accessToken: 'secret' } });
  };

  it('allow claiming by task queue and worker', async () => {
    const taskId = await deployment.createTask();
    const worker = 'queue:worker-id:here/worker-1';
    const claim = (...scopes: string[]) => withScopes(...scopes).claimTask(taskId, 0, WORKER);
    assert.equal(await statusCodeOf(claim(worker)), 403);
    assert.equal(await statusCodeOf(claim(`queue:claim-task:${POOL}`)), 403);
    assert.equal(await statusCodeOf(claim(worker, `queue:claim-work:${POOL}`)), 403);
    assert.equal((await claim(worker, `queue:claim-task:${POOL}`)).runId, 0);
  });

  for (const verb of ['schedule', 'rerun', 'cancel'] as const) {
    it(`allow to ${verb} one task, tasks of a project, or tasks of a scheduler's group`, async () => {
      const taskGroupId = newSlugid();
      const changes = { taskGroupId, schedulerId: 'scheduler', projectId: 'project' };
      const taskId = await deployment.createTask(changes);
      const call = (...scopes: string[]) => withScopes(...scopes)[`${verb}Task`](taskId);
      assert.equal(await statusCodeOf(call(`queue:${verb}-task:scheduler/${taskGroupId}/${taskGroupId}`)), 403);
      assert.equal(await statusCodeOf(call(`queue:${verb}-task-in-project:other`)), 403);
      assert.equal(await statusCodeOf(call(`queue:${verb}-task`)), 403);
      await call(`queue:${verb}-task:scheduler/${taskGroupId}/${taskId}`);
      await call(`queue:${verb}-task-in-project:project`);
      await call(`queue:${verb}-task`, `assume:scheduler-id:scheduler/${taskGroupId}`);
      assert.equal(await statusCodeOf(deployment.queue()[`${verb}Task`](newSlugid())), 404);
    });
  }
});
