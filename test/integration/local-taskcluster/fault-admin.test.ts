import assert from 'node:assert/strict';
import got, { HTTPError } from 'got';
import type { Method } from 'got';
import { LocalTaskcluster } from '../../../src/local-taskcluster/server.js';
import { Deployment, statusCodeOf } from './deployment.js';

interface ShownRule {
  readonly id: number;
  readonly call: string;
  readonly hits: number;
}

describe('the admin API of the local Taskcluster', () => {
  const deployment = new Deployment(() => ({ adminPort: 0 }));

  const call = async <T>(method: Method, path: string, options: object = {}): Promise<T> => {
    const { adminUrl = '' } = deployment.server;
    return await got(`${adminUrl}${path}`, { method, retry: { limit: 0 }, ...options }).json<T>();
  };
  const add = (json: unknown) => call<ShownRule>('POST', '/faults', { json });
  const refusal = async (answer: Promise<unknown>): Promise<{ readonly status: number; readonly body: string }> => {
    const error = await answer.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof HTTPError, 'the call was expected to be refused');
    return { status: error.response.statusCode, body: String(error.response.body) };
  };
  const rules = async () => (await call<{ faults: readonly ShownRule[] }>('GET', '/faults')).faults;
  const always500 = { call: 'queue.task', fault: { kind: 'status', status: 500 }, times: 'always' };

  it('adds rules, shows them with their hits, and removes them', async () => {
    const taskId = await deployment.createTask();
    const task = () => deployment.queue().task(taskId);
    const rule = { ...always500, skip: 1, where: { taskId } };
    const { id } = await add(rule);
    await task();
    assert.equal(await statusCodeOf(task()), 500);
    assert.equal(await statusCodeOf(task()), 500);
    assert.deepEqual(await rules(), [{ id, ...rule, hits: 2 }]);
    await call('DELETE', `/faults/${id}`);
    await task();
    assert.equal((await refusal(call('DELETE', `/faults/${id}`))).status, 404);
  });

  it('accepts termination decisions and shows them', async () => {
    const decision = { terminate: true, reason: 'over capacity' };
    const worker = { workerPoolId: 'local/pool', workerGroup: 'here', workerId: 'worker-1' };
    const { adminUrl = '' } = deployment.server;
    await got.post(`${adminUrl}/terminations`, { json: { ...worker, ...decision } });
    assert.deepEqual(await call('GET', '/terminations'), {
      terminations: [{ worker: 'local/pool/here/worker-1', ...decision }],
    });
    assert.equal((await refusal(call('POST', '/terminations', { json: { ...worker, terminate: 'yes' } }))).status, 400);
  });

  it('removes all rules', async () => {
    await add(always500);
    await add({ call: 'objects.PUT', fault: { kind: 'reset-mid-body' } });
    await call('DELETE', '/faults');
    assert.deepEqual(await rules(), []);
  });

  it('shows the calls that were received', async () => {
    const taskId = await deployment.createTask();
    const { calls } = await call<{ calls: readonly object[] }>('GET', '/calls');
    const [{ time, ...seen } = { time: undefined }] = calls as readonly { readonly time: string }[];
    assert.ok(!Number.isNaN(Date.parse(time ?? '')));
    assert.deepEqual(seen, { call: 'queue.createTask', params: { taskId }, status: 200 });
  });

  for (const [what, change, problem] of [
    ['an unknown property', { bogus: 1 }, /bogus/],
    ['an unknown kind of fault', { fault: { kind: 'fire' } }, /kind/],
    ['a fault without a required property', { fault: { kind: 'latency' } }, /ms/],
    ['a call that does not exist', { call: 'queue.bogus' }, /There is no call .*queue\.claimWork/],
    ['a value of times that is not a number', { times: 'often' }, /times/],
  ] as const) {
    it(`refuses ${what}`, async () => {
      const { status, body } = await refusal(add({ ...always500, ...change }));
      assert.equal(status, 400);
      assert.match(body, problem);
      assert.deepEqual(await rules(), []);
    });
  }

  it('refuses requests from pages in a browser, or for another host name', async () => {
    for (const headers of [{ host: 'evil.example.com' }, { origin: 'https://evil.example.com' }]) {
      assert.equal((await refusal(call('POST', '/faults', { json: always500, headers }))).status, 403);
      assert.equal((await refusal(call('GET', '/calls', { headers }))).status, 403);
    }
    const body = JSON.stringify(always500);
    const plain = call('POST', '/faults', { body, headers: { 'content-type': 'text/plain' } });
    assert.equal((await refusal(plain)).status, 415);
    assert.deepEqual(await rules(), []);
  });

  it('starts only on request, and ends with the server', async () => {
    const other = await LocalTaskcluster.start();
    assert.equal(other.adminUrl, undefined);
    await other.close();
    const { adminUrl = '' } = deployment.server;
    assert.match(adminUrl, /^http:\/\/127\.0\.0\.1:\d+$/);
    await deployment.server.close();
    await assert.rejects(got(`${adminUrl}/faults`, { retry: { limit: 0 } }), { code: 'ECONNREFUSED' });
  });

  it('leaves no server behind when its port is taken', async () => {
    const adminPort = Number(new URL(deployment.server.adminUrl ?? '').port);
    await assert.rejects(LocalTaskcluster.start({ adminPort }), { code: 'EADDRINUSE' });
  });
});
