import assert from 'node:assert/strict';
import { nice as newSlugid } from 'slugid';
import type { Queue } from 'taskcluster-client';
import { Deployment, POOL, WORKER, refusalOf, statusCodeOf } from './deployment.js';

const idsOf = (tasks: readonly { readonly taskId: string }[]): string[] => tasks.map(({ taskId }) => taskId);

/** A queue client with these scopes and those of the role anonymous. */
function narrow(deployment: Deployment, ...scopes: string[]): Queue {
  deployment.server.addClient({ clientId: 'narrow', accessToken: 'secret', scopes });
  return deployment.queue({ credentials: { clientId: 'narrow', accessToken: 'secret' } });
}

describe('task groups of the local Taskcluster', () => {
  const deployment = new Deployment();
  const group = { taskGroupId: newSlugid(), schedulerId: 'scheduler' };
  const { taskGroupId } = group;
  const create = (changes: object = {}): Promise<string> => deployment.createTask({ ...group, ...changes });

  it('list their tasks in pages, with definition and status', async () => {
    const ids = [await create(), await create(), await create()].sort();
    await deployment.createTask();
    const queue = deployment.anonymousQueue();
    const first = await queue.listTaskGroup(taskGroupId, { limit: 2 });
    const { continuationToken = '' } = first;
    const second = await queue.listTaskGroup(taskGroupId, { limit: 2, continuationToken });
    assert.deepEqual([first.tasks.length, second.tasks.length, second.continuationToken], [2, 1, undefined]);
    const found = [...first.tasks, ...second.tasks];
    assert.deepEqual(idsOf(found.map(({ status }) => status)), ids);
    assert.deepEqual(found[0], {
      status: (await queue.status(ids[0] ?? '')).status,
      task: await queue.task(ids[0] ?? ''),
    });
    assert.deepEqual([first.taskGroupId, first.schedulerId], [taskGroupId, 'scheduler']);
    assert.equal((await queue.listTaskGroup(taskGroupId, { limit: 3 })).continuationToken, undefined);
    assert.equal(await statusCodeOf(queue.listTaskGroup(taskGroupId, { limit: 0 })), 400);
    assert.equal(await statusCodeOf(queue.listTaskGroup(newSlugid())), 404);
    assert.equal(await statusCodeOf(queue.listTaskGroup('no-slugid')), 400);
  });

  it('expire with the last of their tasks', async () => {
    const inHours = (hours: number): string => new Date(Date.now() + hours * 3_600_000).toJSON();
    const expires = inHours(48);
    await create();
    await create({ expires });
    await create();
    assert.deepEqual(await deployment.queue().getTaskGroup(taskGroupId), { ...group, expires });
    assert.equal(await statusCodeOf(deployment.queue().getTaskGroup(newSlugid())), 404);
  });

  it('accept tasks of one scheduler only', async () => {
    await create();
    const refusal = await refusalOf(create({ schedulerId: 'another' }));
    assert.equal(refusal.statusCode, 409);
    assert.match(refusal.message, /scheduler, not another/);
    assert.equal((await deployment.queue().listTaskGroup(taskGroupId)).tasks.length, 1);
  });

  it('accept no more tasks once they are sealed', async () => {
    await create();
    const sealed = await deployment.queue().sealTaskGroup(taskGroupId);
    assert.ok(!Number.isNaN(Date.parse(sealed.sealed ?? '')));
    assert.deepEqual(await deployment.queue().sealTaskGroup(taskGroupId), sealed);
    assert.deepEqual(await deployment.queue().getTaskGroup(taskGroupId), sealed);
    assert.equal(await statusCodeOf(create()), 409);
    assert.equal(await statusCodeOf(deployment.queue().sealTaskGroup(newSlugid())), 404);
  });

  it('are cancelled as a whole, once they are sealed', async () => {
    const queue = deployment.queue();
    const { taskId: running, queue: worker } = await deployment.runTask(group);
    const done = await create();
    await queue.claimTask(done, 0, WORKER);
    await queue.reportCompleted(done, 0);
    const pending = await create();
    const waiting = await create({ dependencies: [pending], requires: 'all-resolved' });
    const outside = await deployment.createTask({ dependencies: [pending], requires: 'all-resolved' });
    assert.equal(await statusCodeOf(queue.cancelTaskGroup(taskGroupId)), 409);
    await queue.sealTaskGroup(taskGroupId);
    const answer = await queue.cancelTaskGroup(taskGroupId);
    assert.deepEqual([answer.taskGroupId, answer.taskGroupSize, answer.cancelledCount], [taskGroupId, 4, 3]);
    assert.deepEqual([...answer.taskIds].sort(), [running, pending, waiting].sort());
    assert.equal(await statusCodeOf(worker.reclaimTask(running, 0)), 409);
    const states = await queue.statuses({ taskIds: [running, pending, waiting, done, outside] });
    const stateOf = new Map(states.statuses.map(({ taskId, status }) => [taskId, status]));
    for (const taskId of [running, pending, waiting]) {
      assert.equal(stateOf.get(taskId)?.runs.at(-1)?.reasonResolved, 'canceled', taskId);
    }
    assert.deepEqual([stateOf.get(done)?.state, stateOf.get(outside)?.state], ['completed', 'pending']);
    assert.equal((await queue.cancelTaskGroup(taskGroupId)).cancelledCount, 0);
    await queue.rerunTask(pending);
    assert.deepEqual((await queue.cancelTaskGroup(taskGroupId)).taskIds, [pending]);
  });

  it('require separate scopes for sealing and cancelling', async () => {
    await create();
    const sealing = `queue:seal-task-group:scheduler/${taskGroupId}`;
    const cancelling = `queue:cancel-task-group:scheduler/${taskGroupId}`;
    assert.equal(await statusCodeOf(narrow(deployment, cancelling).sealTaskGroup(taskGroupId)), 403);
    await narrow(deployment, sealing).sealTaskGroup(taskGroupId);
    assert.equal(await statusCodeOf(narrow(deployment, sealing).cancelTaskGroup(taskGroupId)), 403);
    assert.equal((await narrow(deployment, cancelling).cancelTaskGroup(taskGroupId)).cancelledCount, 1);
  });
});

describe('several tasks at once in the local Taskcluster', () => {
  const deployment = new Deployment();

  it('are read by their ids, in pages, without missing ones', async () => {
    const taskIds = [await deployment.createTask(), await deployment.createTask()].sort();
    const queue = deployment.anonymousQueue();
    const asked = { taskIds: [...taskIds, newSlugid(), ...taskIds] };
    const { tasks, continuationToken = '' } = await queue.tasks(asked, { limit: 1 });
    assert.deepEqual(tasks, [{ taskId: taskIds[0], task: await queue.task(taskIds[0] ?? '') }]);
    assert.deepEqual(idsOf((await queue.tasks(asked, { continuationToken })).tasks), [taskIds[1]]);
    const { statuses, continuationToken: next = '' } = await queue.statuses(asked, { limit: 1 });
    assert.deepEqual(statuses, [{ taskId: taskIds[0], status: (await queue.status(taskIds[0] ?? '')).status }]);
    assert.deepEqual(idsOf((await queue.statuses(asked, { continuationToken: next })).statuses), [taskIds[1]]);
    assert.deepEqual(await queue.tasks({ taskIds: [] }), { tasks: [] });
  });

  it('require the scopes for each of them', async () => {
    deployment.server.addRole('anonymous', []);
    const [one, two] = [await deployment.createTask(), await deployment.createTask()];
    const scopes = [`queue:get-task:${one}`, `queue:status:${one}`];
    const queue = narrow(deployment, ...scopes);
    assert.equal((await queue.tasks({ taskIds: [one] })).tasks.length, 1);
    assert.equal((await queue.statuses({ taskIds: [one] })).statuses.length, 1);
    assert.equal(await statusCodeOf(queue.tasks({ taskIds: [one, two] })), 403);
    assert.equal(await statusCodeOf(queue.statuses({ taskIds: [one, two] })), 403);
    const unknown = { taskIds: [one], bogus: 1 };
    assert.equal(await statusCodeOf(queue.tasks(unknown)), 400);
  });
});

describe('task queues of the local Taskcluster', () => {
  const deployment = new Deployment();

  it('count pending and claimed tasks', async () => {
    const queue = deployment.anonymousQueue();
    const identifiers = { provisionerId: 'local', workerType: 'pool', taskQueueId: POOL };
    assert.deepEqual(await queue.pendingTasks(POOL), { ...identifiers, pendingTasks: 0 });
    for (let tasks = 0; tasks < 3; tasks++) await deployment.createTask();
    await deployment.createTask({ taskQueueId: 'local/other' });
    await deployment.claim();
    assert.deepEqual(await queue.pendingTasks(POOL), { ...identifiers, pendingTasks: 2 });
    assert.deepEqual(await queue.taskQueueCounts(POOL), { ...identifiers, pendingTasks: 2, claimedTasks: 1 });
  });

  it('list pending runs in pages', async () => {
    const created = [await deployment.createTask(), await deployment.createTask(), await deployment.createTask()];
    const queue = deployment.anonymousQueue();
    const first = await queue.listPendingTasks(POOL, { limit: 2 });
    const { continuationToken = '' } = first;
    const second = await queue.listPendingTasks(POOL, { limit: 2, continuationToken });
    assert.deepEqual([first.tasks.length, second.tasks.length, second.continuationToken], [2, 1, undefined]);
    const found = [...first.tasks, ...second.tasks];
    assert.deepEqual(idsOf(found).sort(), created.sort());
    const [task] = found;
    const { status } = await queue.status(task?.taskId ?? '');
    assert.deepEqual([task?.runId, task?.inserted], [0, status.runs[0]?.scheduled]);
    assert.deepEqual((await queue.listPendingTasks('local/other')).tasks, []);
  });

  it('list claimed runs with their workers', async () => {
    const { taskId, task, status } = await deployment.runTask();
    await deployment.createTask();
    const { tasks } = await deployment.anonymousQueue().listClaimedTasks(POOL);
    assert.deepEqual(tasks, [{ taskId, runId: 0, ...WORKER, claimed: status.runs[0]?.started, task }]);
    await deployment.queue().reportCompleted(taskId, 0);
    assert.deepEqual((await deployment.anonymousQueue().listClaimedTasks(POOL)).tasks, []);
  });

  it('require a scope for each count and list', async () => {
    deployment.server.addRole('anonymous', []);
    const queue = narrow(deployment, `queue:pending-count:${POOL}`);
    await queue.pendingTasks(POOL);
    assert.equal(await statusCodeOf(queue.pendingTasks('local/other')), 403);
    assert.equal(await statusCodeOf(queue.taskQueueCounts(POOL)), 403);
    assert.equal(await statusCodeOf(queue.listPendingTasks(POOL)), 403);
    assert.equal(await statusCodeOf(queue.listClaimedTasks(POOL)), 403);
    await narrow(deployment, `queue:pending-list:${POOL}`).listPendingTasks(POOL);
    await narrow(deployment, `queue:claimed-list:${POOL}`).listClaimedTasks(POOL);
  });
});
