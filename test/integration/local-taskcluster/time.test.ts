import assert from 'node:assert/strict';
import { clients, createTemporaryCredentials } from 'taskcluster-client';
import { Deployment, ManualClock, POOL, WORKER, statusCodeOf } from './deployment.js';

describe('claims that expire by themselves', () => {
  const deployment = new Deployment(() => ({ claimTimeoutMs: 50 }));

  it('end in claim-expired, and another worker gets the next run', async () => {
    const { taskId } = await deployment.runTask({ retries: 1 });
    const next = await deployment.claim();
    assert.equal(next.status.taskId, taskId);
    assert.equal(next.runId, 1);
    assert.equal(next.status.runs[0]?.reasonResolved, 'claim-expired');
    assert.equal(next.status.runs[1]?.reasonCreated, 'retry');
    assert.equal(next.status.retriesLeft, 0);
  });
});

describe('the queue of the local Taskcluster over time', () => {
  let clock = new ManualClock();
  const deployment = new Deployment(() => {
    clock = new ManualClock();
    return { now: clock.now, longPollMs: 20 };
  });

  const pass = (minutes: number): void => {
    clock.advance(minutes);
    deployment.server.resolveDue();
  };

  it('formats takenUntil with an offset in claims and with Z everywhere else', async () => {
    const { taskId, runId, takenUntil, status, queue } = await deployment.runTask({}, clock.now());
    const expected = new Date(clock.now().getTime() + 20 * 60_000);
    assert.equal(takenUntil, expected.toJSON().replace('.120Z', '.12+00:00'));
    assert.equal(status.runs[0]?.takenUntil, expected.toJSON());
    clock.advance(1);
    const reclaim = await queue.reclaimTask(taskId, runId);
    assert.equal(reclaim.takenUntil, new Date(expected.getTime() + 60_000).toJSON());
    assert.equal(reclaim.status.runs[0]?.takenUntil, reclaim.takenUntil);
    assert.ok(!('task' in reclaim));
  });

  it('gives new credentials with each reclaim; the old ones expire 15 minutes after their claim ends', async () => {
    const { taskId, runId, queue } = await deployment.runTask({}, clock.now());
    pass(19);
    const { credentials } = await queue.reclaimTask(taskId, runId);
    pass(19);
    const renewed = deployment.queue({ credentials });
    assert.equal((await renewed.reclaimTask(taskId, runId)).status.state, 'running');
    pass(3);
    assert.equal(await statusCodeOf(queue.reclaimTask(taskId, runId)), 401);
    assert.equal((await renewed.reportCompleted(taskId, runId)).status.state, 'completed');
  });

  it('still lets a late worker reclaim until the claim resolver has run', async () => {
    const { taskId, runId, queue } = await deployment.runTask({}, clock.now());
    clock.advance(21);
    assert.equal((await queue.reclaimTask(taskId, runId)).status.state, 'running');
    pass(21);
    const { status } = await deployment.queue().status(taskId);
    assert.deepEqual([status.state, status.runs[0]?.reasonResolved], ['pending', 'claim-expired']);
    const root = deployment.queue();
    assert.equal(await statusCodeOf(root.reclaimTask(taskId, runId)), 409);
    assert.equal(await statusCodeOf(root.reportCompleted(taskId, runId)), 409);
  });

  it('ends a task whose claim expired when no retries are left', async () => {
    const { taskId } = await deployment.runTask({ retries: 0 }, clock.now());
    pass(21);
    const { status } = await deployment.queue().status(taskId);
    assert.deepEqual([status.state, status.runs.length], ['exception', 1]);
  });

  it('ends pending and running tasks at their deadline', async () => {
    const { taskId: running, runId, queue } = await deployment.runTask({}, clock.now());
    const pending = await deployment.createTask({}, clock.now());
    for (const minutes of [19, 19, 19]) {
      pass(minutes);
      await deployment.queue().reclaimTask(running, runId);
    }
    clock.advance(4);
    assert.equal(await statusCodeOf(deployment.queue().reclaimTask(running, runId)), 409);
    deployment.server.resolveDue();
    for (const taskId of [running, pending]) {
      const { status } = await deployment.queue().status(taskId);
      assert.deepEqual([status.state, status.runs.at(-1)?.reasonResolved], ['exception', 'deadline-exceeded']);
      assert.equal(await statusCodeOf(deployment.queue().cancelTask(taskId)), 409);
    }
    assert.deepEqual(await deployment.queue().claimWork(POOL, WORKER), { tasks: [] });
    assert.equal(await statusCodeOf(queue.reportCompleted(running, runId)), 401);
  });

  it('accepts a report just after the deadline if the deadline resolver has not run', async () => {
    const deadline = new Date(clock.now().getTime() + 60_000);
    const { taskId, runId } = await deployment.runTask({ deadline }, clock.now());
    clock.advance(2);
    assert.equal((await deployment.queue().reportCompleted(taskId, runId)).status.state, 'completed');
    deployment.server.resolveDue();
    assert.equal((await deployment.queue().status(taskId)).status.state, 'completed');
  });

  it('accepts artifacts for 25 minutes after an exception, and none after a completion', async () => {
    const error = (name: string) => ({
      storageType: 'error',
      reason: 'file-missing-on-worker',
      message: name,
      expires: new Date(clock.now().getTime() + 3_600_000).toJSON(),
    });
    const root = deployment.queue();
    const exception = await deployment.runTask({}, clock.now());
    const completed = await deployment.runTask({}, clock.now());
    await root.reportException(exception.taskId, 0, { reason: 'internal-error' });
    await root.reportCompleted(completed.taskId, 0);
    assert.equal(await statusCodeOf(root.createArtifact(completed.taskId, 0, 'public/a', error('a'))), 409);
    clock.advance(24);
    await root.createArtifact(exception.taskId, 0, 'public/a', error('a'));
    clock.advance(2);
    assert.equal(await statusCodeOf(root.createArtifact(exception.taskId, 0, 'public/b', error('b'))), 409);
  });

  it('refuses URLs of objects 45 minutes after they were signed', async () => {
    const { taskId, queue } = await deployment.runTask({}, clock.now());
    const expires = new Date(clock.now().getTime() + 3_600_000).toJSON();
    const artifact = { storageType: 's3', contentType: 'text/plain', expires };
    const { putUrl = '', expires: until } = await queue.createArtifact(taskId, 0, 'public/x', artifact);
    assert.equal(until, new Date(clock.now().getTime() + 45 * 60_000).toJSON());
    clock.advance(44);
    assert.equal((await fetch(putUrl, { method: 'PUT', body: 'hello' })).status, 200);
    clock.advance(2);
    const refused = await fetch(putUrl, { method: 'PUT', body: 'hello' });
    assert.equal(refused.status, 403);
    assert.match(await refused.text(), /AccessDenied/);
  });

  it('returns 410 for an expired artifact', async () => {
    const { taskId, queue } = await deployment.runTask({}, clock.now());
    const expires = new Date(clock.now().getTime() + 60_000).toJSON();
    const reference = { storageType: 'reference', url: 'https://example.com/', contentType: 'text/plain', expires };
    await queue.createArtifact(taskId, 0, 'public/x', reference);
    clock.advance(2);
    assert.equal(await statusCodeOf(queue.getArtifact(taskId, 0, 'public/x')), 410);
  });

  it('checks certificates by its own clock', async () => {
    const { rootUrl, credentials } = deployment.server;
    const expiry = new Date(clock.now().getTime() + 60_000);
    const temporary = createTemporaryCredentials({ expiry, scopes: [], credentials });
    const auth = new clients.Auth({ rootUrl, credentials: temporary, retries: 0 });
    await auth.currentScopes();
    clock.advance(7);
    assert.equal(await statusCodeOf(auth.currentScopes()), 401);
  });
});
