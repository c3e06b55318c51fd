import assert from 'node:assert/strict';
import got from 'got';
import type { Queue } from 'taskcluster-client';
import type { Fault } from '../../../src/local-taskcluster/faults/fault.js';
import { Deployment, refusalOf, statusCodeOf } from './deployment.js';

interface Failure extends Error {
  readonly code?: string;
}

/** The error of a call that gets no proper answer. */
async function failureOf(call: Promise<unknown>): Promise<Failure> {
  try {
    await call;
  } catch (error) {
    if (error instanceof Error && !('statusCode' in error)) return error;
    throw error;
  }
  throw new Error('the call was expected to fail, but it succeeded');
}

describe('faults on the way to a service of the local Taskcluster', () => {
  const deployment = new Deployment();
  let taskId = '';
  let queue: Queue;

  beforeEach(async () => {
    ({ taskId, queue } = await deployment.runTask());
  });

  const inject = (fault: Fault) => deployment.server.faults.add({ call: 'queue.reportCompleted', fault });
  const report = () => queue.reportCompleted(taskId, 0);
  const statusUrl = () => `${deployment.server.rootUrl}/api/queue/v1/task/${taskId}/status`;
  const pingUrl = () => `${deployment.server.rootUrl}/api/queue/v1/ping`;
  const stateOf = async () => (await deployment.queue().status(taskId)).status.state;
  const seen = () =>
    deployment.server.calls.list('queue.reportCompleted').map(({ status, fault }) => ({ status, fault }));

  for (const [status, code] of [
    [500, 'InternalServerError'],
    [503, 'InternalServerError'],
    [429, 'MalformedPayload'],
    [403, 'InsufficientScopes'],
  ] as const) {
    it(`answer ${status} without effect, with an error body`, async () => {
      const rule = inject({ kind: 'status', status });
      const refusal = await refusalOf(report());
      assert.deepEqual([refusal.statusCode, refusal.code], [status, code]);
      assert.equal(await stateOf(), 'running');
      assert.equal(rule.hits, 1);
      assert.deepEqual(seen(), [{ status, fault: 'status' }]);
    });
  }

  it('reset the connection before the effect', async () => {
    const rule = inject({ kind: 'reset-before' });
    assert.equal((await failureOf(report())).code, 'ECONNRESET');
    await rule.hit();
    assert.equal(await stateOf(), 'running');
    assert.deepEqual(seen(), [{ status: undefined, fault: 'reset-before' }]);
  });

  it('reset the connection after the effect', async () => {
    inject({ kind: 'reset-after' });
    assert.equal((await failureOf(report())).code, 'ECONNRESET');
    assert.equal(await stateOf(), 'completed');
    assert.deepEqual(seen(), [{ status: 200, fault: 'reset-after' }]);
  });

  it('reset the connection in the middle of the answer, after the effect', async () => {
    inject({ kind: 'reset-mid-body' });
    await failureOf(report());
    assert.equal(await stateOf(), 'completed');
    const { body: whole } = await got(statusUrl());
    deployment.server.faults.add({ call: 'queue.status', fault: { kind: 'reset-mid-body' } });
    let received = '';
    await assert.rejects(async () => {
      for await (const chunk of got.stream(statusUrl(), { retry: { limit: 0 } })) received += String(chunk);
    }, /ECONNRESET|aborted/);
    assert.equal(received, whole.slice(0, whole.length / 2));
  });

  it('send an answer that is not JSON, after the effect or instead of it', async () => {
    inject({ kind: 'garbage', effect: false });
    inject({ kind: 'garbage' });
    // The client library returns undefined for an answer that is not JSON.
    assert.equal(await report(), undefined);
    assert.equal(await stateOf(), 'running');
    assert.equal(await report(), undefined);
    assert.equal(await stateOf(), 'completed');
    deployment.server.faults.add({ call: 'queue.status', fault: { kind: 'garbage' } });
    const { statusCode, headers, body } = await got(statusUrl());
    assert.deepEqual([statusCode, headers['content-type'], body.startsWith('<html>')], [200, 'text/html', true]);
  });

  it('leave a request without an answer, before the effect or after it', async () => {
    const caller = new AbortController();
    const rule = deployment.server.faults.add({ call: 'queue.ping', fault: { kind: 'hang' } });
    const call = fetch(pingUrl(), { signal: caller.signal });
    await rule.hit();
    caller.abort();
    await assert.rejects(call, { name: 'AbortError' });

    const hanging = inject({ kind: 'hang', effect: true });
    const reported = failureOf(report());
    await hanging.hit();
    assert.equal(await stateOf(), 'completed');
    await deployment.server.close();
    assert.equal((await reported).code, 'ECONNRESET');
  });

  it('delay a request, and drop it when the caller does not wait', async () => {
    const rule = deployment.server.faults.add({ call: 'queue.ping', fault: { kind: 'latency', ms: 3_600_000 } });
    const caller = new AbortController();
    const call = fetch(pingUrl(), { signal: caller.signal });
    await rule.hit();
    caller.abort();
    await assert.rejects(call, { name: 'AbortError' });
    inject({ kind: 'latency', ms: 1 });
    assert.equal((await report()).status.state, 'completed');
    assert.deepEqual(seen(), [{ status: 200, fault: 'latency' }]);
  });

  it('slow down an answer', async () => {
    const rule = inject({ kind: 'slow', bytes: 100, ms: 1 });
    assert.equal((await report()).status.state, 'completed');
    assert.equal(rule.hits, 1);
  });

  it('apply to the calls that a rule matches, as often as it says', async () => {
    const { faults } = deployment.server;
    const fault = { kind: 'status', status: 500 } as const;
    const other = await deployment.createTask();
    const rule = faults.add({ call: 'queue.status', where: { taskId }, skip: 1, times: 2, fault });
    await queue.status(taskId);
    await queue.status(other);
    assert.equal(await statusCodeOf(queue.status(taskId)), 500);
    assert.equal(await statusCodeOf(queue.status(taskId)), 500);
    await rule.hit(2);
    await queue.status(taskId);
    assert.deepEqual(faults.list(), []);
  });

  it('match parameters by wildcards or a predicate, one rule after the other', async () => {
    const { faults } = deployment.server;
    const artifact = (url: string) => ({
      storageType: 'reference',
      url,
      contentType: 'text/plain',
      expires: new Date(Date.now() + 60_000).toJSON(),
    });
    const create = (name: string) => queue.createArtifact(taskId, 0, name, artifact('https://example.com/'));
    faults.add({
      call: 'queue.createArtifact',
      where: { name: 'public/*.txt' },
      fault: { kind: 'status', status: 503 },
    });
    faults.add({
      call: 'queue.*',
      where: ({ name }) => name?.endsWith('.txt') === true,
      fault: { kind: 'status', status: 429 },
    });
    await create('public/a.log');
    assert.equal(await statusCodeOf(create('public/logs/a.txt')), 503);
    assert.equal(await statusCodeOf(create('public/logs/a.txt')), 429);
    await create('public/logs/a.txt');
  });

  it('apply to every call until the rule is removed', async () => {
    const fault = { kind: 'status', status: 500 } as const;
    const rule = deployment.server.faults.add({ call: 'queue.status', times: Infinity, fault });
    for (let call = 0; call < 3; call++) assert.equal(await statusCodeOf(queue.status(taskId)), 500);
    rule.remove();
    await queue.status(taskId);
    assert.equal(rule.hits, 3);
  });

  it('are refused for calls that do not exist', () => {
    assert.throws(
      () => deployment.server.faults.add({ call: 'queue.createArtifcat', fault: { kind: 'reset-before' } }),
      /There is no call "queue\.createArtifcat"; there are: .*queue\.createArtifact/,
    );
  });

  it('come with a log of all calls and their status', async () => {
    deployment.server.calls.clear();
    await queue.reportFailed(taskId, 0);
    assert.equal(await statusCodeOf(report()), 409);
    assert.deepEqual(
      deployment.server.calls.list().map(({ call, params, status }) => ({ call, params, status })),
      [
        { call: 'queue.reportFailed', params: { taskId, runId: '0' }, status: 200 },
        { call: 'queue.reportCompleted', params: { taskId, runId: '0' }, status: 409 },
      ],
    );
  });
});
