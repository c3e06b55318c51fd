import assert from 'node:assert/strict';
import { request } from 'node:http';
import hawk from 'hawk';
import { nice as newSlugid } from 'slugid';
import { Deployment, POOL, WORKER, refusalOf, statusCodeOf, taskDefinition } from './deployment.js';

describe('the queue of the local Taskcluster', () => {
  const deployment = new Deployment();

  it('hands out a created task once, with the definition that every reader sees', async () => {
    const taskId = await deployment.createTask({ priority: 'normal', scopes: ['a:b'] });
    const claim = await deployment.claim();
    assert.equal(claim.status.taskId, taskId);
    assert.deepEqual(claim.task, await deployment.queue().task(taskId));
    assert.equal(claim.task.provisionerId, 'local');
    assert.equal(claim.task.workerType, 'pool');
    assert.equal(claim.task.priority, 'lowest');
    assert.equal(claim.task.taskGroupId, taskId);
    assert.deepEqual(claim.task['dependencies'], []);
    assert.equal(claim.status.state, 'running');
    assert.equal(claim.status.runs[0]?.workerId, 'worker-1');
  });

  it('accepts the same definition again and refuses a different one', async () => {
    const queue = deployment.queue();
    const taskId = newSlugid();
    const definition = taskDefinition();
    await queue.createTask(taskId, definition);
    const { status } = await queue.createTask(taskId, definition);
    assert.equal(status.runs.length, 1);
    assert.equal(await statusCodeOf(queue.createTask(taskId, { ...definition, retries: 1 })), 409);
  });

  it('refuses definitions with unknown properties or impossible times, and says what is wrong', async () => {
    const create = (changes: object) => refusalOf(deployment.createTask(changes));
    const unknown = await create({ bogus: 1 });
    assert.equal(unknown.statusCode, 400);
    assert.equal(unknown.code, 'InputValidationError');
    assert.match(unknown.message, /bogus/);
    const inThePast = new Date(Date.now() - 3_600_000).toJSON();
    const inAMonth = new Date(Date.now() + 30 * 86_400_000).toJSON();
    assert.match((await create({ created: inThePast })).message, /created is more than 15 minutes in the past/);
    assert.match((await create({ deadline: inAMonth, expires: inAMonth })).message, /more than 5 days/);
    assert.match((await create({ expires: new Date().toJSON() })).message, /expires is before deadline/);
    assert.match((await create({ scopes: ['a**'] })).message, /\*\*/);
    assert.equal(await statusCodeOf(deployment.queue().createTask('not-a-slugid', taskDefinition())), 400);
  });

  it('returns errors in the format of the real services', async () => {
    const taskId = newSlugid();
    const refusal = await refusalOf(deployment.queue().status(taskId));
    assert.equal(refusal.code, 'ResourceNotFound');
    const { code, requestInfo } = refusal.body as { code: string; requestInfo: Record<string, unknown> };
    assert.equal(code, 'ResourceNotFound');
    assert.equal(requestInfo['method'], 'status');
    assert.deepEqual(requestInfo['params'], { taskId });
    assert.ok(!Number.isNaN(Date.parse(String(requestInfo['time']))));
  });

  it('refuses a body that is not JSON, and one that is too large', async () => {
    const { rootUrl } = deployment.server;
    const post = (headers: Record<string, string>, body: string): Promise<Response> =>
      fetch(`${rootUrl}/api/auth/v1/scopes/expand`, { method: 'POST', headers, body });
    const broken = await post({ 'content-type': 'application/json' }, '{');
    assert.deepEqual([broken.status, ((await broken.json()) as { code: string }).code], [400, 'MalformedPayload']);
    assert.equal((await post({ 'content-type': 'text/plain' }, '{"scopes":[]}')).status, 400);
    assert.equal((await post({ 'content-type': 'application/json' }, ' '.repeat(11 * 1024 * 1024))).status, 413);
    assert.equal((await fetch(`${rootUrl}/api/queue/v1/no-such-method`)).status, 404);
  });

  it('hands out at most the requested number of tasks, by priority and then by age', async () => {
    const created = new Map<string, string>();
    for (const [name, priority] of [
      ['lowest', 'lowest'],
      ['low 1', 'low'],
      ['highest', 'highest'],
      ['low 2', 'low'],
    ] as const) {
      created.set(await deployment.createTask({ priority }), name);
    }
    const names = async (tasks: number): Promise<(string | undefined)[]> => {
      const answer = await deployment.queue().claimWork(POOL, { tasks, ...WORKER });
      return answer.tasks.map(({ status }) => created.get(status.taskId));
    };
    assert.deepEqual(await names(3), ['highest', 'low 1', 'low 2']);
    assert.deepEqual(await names(3), ['lowest']);
  });

  it('keeps task queues apart and never hands out a cancelled task', async () => {
    const queue = deployment.queue();
    const elsewhere = await deployment.createTask({ taskQueueId: 'local/other' });
    await queue.cancelTask(await deployment.createTask());
    const wanted = await deployment.createTask();
    assert.equal((await deployment.claim()).status.taskId, wanted);
    assert.equal((await queue.status(elsewhere)).status.state, 'pending');
  });

  it('answers a poll as soon as a task is created', async () => {
    const poll = deployment.queue().claimWork(POOL, { tasks: 4, ...WORKER });
    const taskId = await deployment.createTask();
    assert.deepEqual(
      (await poll).tasks.map(({ status }) => status.taskId),
      [taskId],
    );
  });

  it('serves polls in the order of arrival', async () => {
    const first = deployment.queue().claimWork(POOL, { tasks: 1, ...WORKER });
    await deployment.queue().ping();
    const second = deployment.queue().claimWork(POOL, { tasks: 1, workerGroup: 'here', workerId: 'worker-2' });
    await deployment.queue().ping();
    const [one, two] = [await deployment.createTask(), await deployment.createTask()];
    assert.equal((await first).tasks[0]?.status.taskId, one);
    assert.equal((await second).tasks[0]?.status.taskId, two);
  });

  it('claims nothing for a poll whose connection was closed', async () => {
    const url = `${deployment.server.rootUrl}/api/queue/v1/claim-work/${encodeURIComponent(POOL)}`;
    const { clientId: id, accessToken: key } = deployment.server.credentials;
    const { header } = hawk.client.header(url, 'POST', { credentials: { id, key, algorithm: 'sha256' } });
    const poll = request(url, {
      method: 'POST',
      headers: { authorization: header, 'content-type': 'application/json' },
    });
    const closed = new Promise<void>((resolve) => poll.once('close', resolve));
    poll.on('error', () => undefined); // destroy() below causes an error.
    await new Promise<void>((sent) => poll.end(JSON.stringify({ tasks: 1, ...WORKER }), sent));
    await deployment.queue().ping();
    poll.destroy();
    await closed;
    // Round trips after the close was sent: once they are answered, the server has seen it.
    for (let trip = 0; trip < 3; trip++) await deployment.queue().ping();
    const taskId = await deployment.createTask();
    assert.equal((await deployment.queue().status(taskId)).status.state, 'pending');
    assert.equal((await deployment.claim()).status.taskId, taskId);
  });

  it('accepts only 1 to 32 tasks and no unknown properties in claimWork', async () => {
    const claimWork = (changes: object) =>
      statusCodeOf(deployment.queue().claimWork(POOL, { tasks: 1, ...WORKER, ...changes }));
    assert.equal(await claimWork({ tasks: 0 }), 400);
    assert.equal(await claimWork({ tasks: 33 }), 400);
    assert.equal(await claimWork({ capacity: 1 }), 400);
    assert.equal(await statusCodeOf(deployment.queue().claimWork('no-slash', WORKER)), 400);
  });

  it('accepts the same report again and refuses a different one', async () => {
    const { taskId, runId, queue } = await deployment.runTask();
    assert.equal((await queue.reportCompleted(taskId, runId)).status.state, 'completed');
    assert.equal((await queue.reportCompleted(taskId, runId)).status.state, 'completed');
    assert.equal(await statusCodeOf(queue.reportFailed(taskId, runId)), 409);
    assert.equal(await statusCodeOf(queue.reportException(taskId, runId, { reason: 'internal-error' })), 409);
    assert.equal(await statusCodeOf(queue.reclaimTask(taskId, runId)), 409);
    assert.equal(await statusCodeOf(queue.cancelTask(taskId)), 403);
    assert.equal((await deployment.queue().cancelTask(taskId)).status.state, 'completed');
  });

  it('refuses a report on a run that does not exist, or was never claimed', async () => {
    const taskId = await deployment.createTask();
    assert.equal(await statusCodeOf(deployment.queue().reportCompleted(taskId, 0)), 409);
    assert.equal(await statusCodeOf(deployment.queue().reportCompleted(taskId, 1)), 404);
    assert.equal(await statusCodeOf(deployment.queue().reportCompleted(newSlugid(), 0)), 404);
    assert.equal(await statusCodeOf(deployment.queue().reportCompleted(taskId, '00')), 400);
  });

  for (const [reason, reasonCreated] of [
    ['worker-shutdown', 'retry'],
    ['intermittent-task', 'task-retry'],
  ] as const) {
    it(`runs a task again after ${reason} while retries are left`, async () => {
      const { taskId, runId, queue } = await deployment.runTask({ retries: 1 });
      const { status } = await queue.reportException(taskId, runId, { reason });
      assert.equal(status.state, 'pending');
      assert.equal(status.retriesLeft, 0);
      assert.equal(status.runs[0]?.reasonResolved, reason);
      assert.equal(status.runs[1]?.reasonCreated, reasonCreated);
      assert.equal((await queue.reportException(taskId, runId, { reason })).status.runs.length, 2);
      const again = await deployment.claim();
      assert.equal(again.runId, 1);
      const last = await deployment.queue().reportException(taskId, 1, { reason });
      assert.equal(last.status.state, 'exception');
      assert.equal(last.status.runs.length, 2);
    });
  }

  for (const reason of ['internal-error', 'malformed-payload', 'resource-unavailable']) {
    it(`does not run a task again after ${reason}`, async () => {
      const { taskId, runId, queue } = await deployment.runTask();
      const { status } = await queue.reportException(taskId, runId, { reason });
      assert.deepEqual([status.state, status.retriesLeft, status.runs.length], ['exception', 5, 1]);
    });
  }

  it('refuses other reasons for an exception', async () => {
    const { taskId, runId, queue } = await deployment.runTask();
    for (const reason of ['superseded', 'claim-expired', 'canceled', 'deadline-exceeded', '']) {
      assert.equal(await statusCodeOf(queue.reportException(taskId, runId, { reason })), 400, reason);
    }
  });

  it('cancels a running task, and answers its worker with 409', async () => {
    const { taskId, runId, queue } = await deployment.runTask();
    const { status } = await deployment.queue().cancelTask(taskId);
    assert.deepEqual([status.state, status.runs[0]?.reasonResolved], ['exception', 'canceled']);
    assert.equal((await deployment.queue().cancelTask(taskId)).status.runs.length, 1);
    assert.equal(await statusCodeOf(queue.reclaimTask(taskId, runId)), 409);
    assert.equal(await statusCodeOf(queue.reportCompleted(taskId, runId)), 409);
  });

  it('gives a claim credentials for its run and the scopes of the task', async () => {
    const { taskId, runId, credentials, takenUntil, queue } = await deployment.runTask({ scopes: ['secrets:get:x'] });
    const until = Math.floor(Date.parse(takenUntil) / 1000);
    assert.equal(credentials.clientId, `task-client/${taskId}/${runId}/on/here/worker-1/until/${until}`);
    assert.deepEqual((JSON.parse(credentials.certificate) as { scopes: unknown }).scopes, [
      `queue:reclaim-task:${taskId}/0`,
      `queue:resolve-task:${taskId}/0`,
      `queue:create-artifact:${taskId}/0`,
      'secrets:get:x',
    ]);
    const other = await deployment.runTask();
    const refusal = await refusalOf(queue.reclaimTask(other.taskId, 0));
    assert.equal(refusal.statusCode, 403);
    assert.equal(refusal.code, 'InsufficientScopes');
    assert.ok(refusal.message.includes(`queue:reclaim-task:${other.taskId}/0`));
  });

  it('refuses calls for a run with the credentials of the worker', async () => {
    const scopes = [`queue:claim-work:${POOL}`, 'queue:worker-id:here/worker-1'];
    deployment.server.addClient({ clientId: 'worker', accessToken: 'secret', scopes });
    const worker = deployment.queue({ credentials: { clientId: 'worker', accessToken: 'secret' } });
    const taskId = await deployment.createTask();
    assert.equal(await statusCodeOf(worker.claimWork(POOL, { workerGroup: 'here', workerId: 'other' })), 403);
    assert.equal((await worker.claimWork(POOL, WORKER)).tasks.length, 1);
    assert.equal(await statusCodeOf(worker.reclaimTask(taskId, 0)), 403);
    assert.equal(await statusCodeOf(worker.reportCompleted(taskId, 0)), 403);
    const expires = new Date(Date.now() + 60_000).toJSON();
    const artifact = { storageType: 's3', contentType: 'text/plain', expires };
    assert.equal(await statusCodeOf(worker.createArtifact(taskId, 0, 'public/x', artifact)), 403);
  });

  it('requires all scopes that a task gets from its creator', async () => {
    const create = async (scopes: readonly string[], changes: object): Promise<void> => {
      deployment.server.addClient({ clientId: 'author', accessToken: 'secret', scopes });
      const queue = deployment.queue({ credentials: { clientId: 'author', accessToken: 'secret' } });
      await queue.createTask(newSlugid(), taskDefinition(changes));
    };
    const enough = ['queue:create-task:project:none', 'queue:scheduler-id:-', `queue:create-task:low:${POOL}`];
    await create(enough, { priority: 'low' });
    await create(enough, { priority: 'lowest' });
    assert.equal(await statusCodeOf(create(enough, { priority: 'high' })), 403);
    assert.match((await refusalOf(create(enough, { scopes: ['a:b'] }))).message, /a:b/);
    assert.equal(await statusCodeOf(create(enough, { routes: ['index.x'] })), 403);
    assert.equal(await statusCodeOf(create(enough.slice(1), {})), 403);
  });
});

describe('an idle queue of the local Taskcluster', () => {
  const deployment = new Deployment(() => ({ longPollMs: 20 }));

  it('answers a poll with an empty list after the timeout', async () => {
    assert.deepEqual(await deployment.queue().claimWork(POOL, { tasks: 1, ...WORKER }), { tasks: [] });
  });
});

describe('a local Taskcluster with an open poll', () => {
  const deployment = new Deployment(() => ({ longPollMs: 600_000 }));

  it('ends the poll when it closes, and may be closed again', async () => {
    const poll = deployment.queue().claimWork(POOL, { tasks: 1, ...WORKER });
    await deployment.queue().ping();
    await Promise.all([Promise.allSettled([poll]), deployment.server.close()]);
    await deployment.server.close();
    await assert.rejects(deployment.queue().ping());
  });
});
