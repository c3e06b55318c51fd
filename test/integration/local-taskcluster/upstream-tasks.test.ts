import assert from 'node:assert/strict';
import { nice as newSlugid } from 'slugid';
import { clients } from 'taskcluster-client';
import { Deployment, WORKER, refusalOf, statusCodeOf } from './deployment.js';

describe('a local Taskcluster asked for a task that depends on one of its upstream', () => {
  const upstream = new Deployment();
  const local = new Deployment(() => ({ upstream: { rootUrl: upstream.server.rootUrl } }));
  const resolve = async (taskId: string, how: 'completed' | 'failed' = 'completed'): Promise<void> => {
    const queue = upstream.queue();
    await queue.claimTask(taskId, 0, WORKER);
    await (how === 'completed' ? queue.reportCompleted(taskId, 0) : queue.reportFailed(taskId, 0));
  };
  it('schedules it at once if that has completed', async () => {
    const there = await upstream.createTask();
    await resolve(there);
    const waiting = await local.createTask();
    const [one, two] = [{ dependencies: [there] }, { dependencies: [there, waiting] }];
    const follower = await local.createTask(one);
    assert.equal((await local.queue().status(follower)).status.state, 'pending');
    upstream.server.calls.clear();
    await local.createTask(one);
    assert.deepEqual(upstream.server.calls.list(), []);
    const other = await local.createTask(two);
    assert.equal((await local.queue().status(other)).status.state, 'unscheduled');
    await local.queue().claimTask(waiting, 0, WORKER);
    await local.queue().reportCompleted(waiting, 0);
    assert.equal((await local.queue().status(other)).status.state, 'pending');
  });

  it('refuses it if that has failed, unless being resolved is enough', async () => {
    const there = await upstream.createTask();
    await resolve(there, 'failed');
    const enough = await local.createTask({ dependencies: [there], requires: 'all-resolved' });
    assert.equal((await local.queue().status(enough)).status.state, 'pending');
    const refusal = await refusalOf(local.createTask({ dependencies: [there] }));
    assert.equal(refusal.statusCode, 400);
    assert.match(refusal.message, new RegExp(`^The dependency ${there} is failed in another deployment`));
  });

  it('refuses it if that is not resolved, or does not exist', async () => {
    const there = await upstream.createTask();
    const refusal = await refusalOf(local.createTask({ dependencies: [there] }));
    assert.equal(refusal.statusCode, 400);
    assert.match(refusal.message, new RegExp(`^The dependency ${there} is pending at ${upstream.server.rootUrl},`));
    await resolve(there);
    await local.createTask({ dependencies: [there] });
    const nowhere = newSlugid();
    const missing = await refusalOf(local.createTask({ dependencies: [there, nowhere] }));
    assert.match(missing.message, new RegExp(`^There are no tasks ${nowhere}, neither here nor at `));
  });

  it('refuses it if that expires too early', async () => {
    const there = await upstream.createTask({ expires: new Date(Date.now() + 3_610_000).toJSON() });
    await resolve(there);
    const deadline = new Date(Date.now() + 7_200_000).toJSON();
    const refusal = await refusalOf(local.createTask({ dependencies: [there], deadline }));
    assert.match(refusal.message, new RegExp(`^The dependencies ${there} expire before the task's deadline`));
  });
});

describe('a local Taskcluster whose upstream does not answer', () => {
  const upstream = new Deployment();
  const local = new Deployment(() => ({ upstream: { rootUrl: upstream.server.rootUrl } }));

  it('fails with the name of the call instead of finding nothing', async () => {
    const taskId = newSlugid();
    await upstream.server.close();
    const refusal = await refusalOf(local.queue().status(taskId));
    assert.deepEqual([refusal.statusCode, refusal.code], [502, 'BadGateway']);
    assert.match(refusal.message, /was asked for queue\.status, .*the connection failed \(ECONNREFUSED\)/);
    assert.equal(await statusCodeOf(local.createTask({ dependencies: [taskId] })), 502);
    assert.equal(
      await statusCodeOf(new clients.Index(local.clientOptions()).findTasksAtIndex({ indexes: ['a'] })),
      502,
    );
    assert.equal(await statusCodeOf(local.queue().getLatestArtifact(taskId, 'public/x')), 502);
  });

  it('asks again after a passing failure, a few times', async () => {
    const taskId = await upstream.createTask();
    const rule = { call: 'queue.status', fault: { kind: 'status', status: 503 } } as const;
    upstream.server.faults.add({ ...rule, times: 2 });
    assert.equal((await local.queue().status(taskId)).status.taskId, taskId);
    upstream.server.faults.add({ ...rule, times: Infinity });
    upstream.server.calls.clear();
    const refusal = await refusalOf(local.queue().status(taskId));
    assert.equal(refusal.statusCode, 502);
    assert.match(refusal.message, /it answered 503/);
    assert.equal(upstream.server.calls.list().length, 3);
  });

  it('refuses an answer that is not JSON', async () => {
    const taskId = await upstream.createTask();
    upstream.server.faults.add({ call: 'queue.status', fault: { kind: 'garbage' } });
    const refusal = await refusalOf(local.queue().status(taskId));
    assert.match(refusal.message, /its answer is not JSON/);
  });
});
