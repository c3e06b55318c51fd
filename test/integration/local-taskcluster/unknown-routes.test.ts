import assert from 'node:assert/strict';
import type { CliClient } from '../../support/cli-client.js';
import { Deployment, POOL } from './deployment.js';

describe('the router of the local Taskcluster', () => {
  const deployment = new Deployment();
  let client: CliClient;
  beforeEach(() => {
    client = deployment.anonymousCli();
  });
  const pool = encodeURIComponent(POOL);

  for (const [method, path, problem] of [
    ['get', '/api/queue/v1/no-such-thing', /GET \/api\/queue\/v1\/no-such-thing is not part of the local Taskcluster/],
    ['post', '/api/queue/v1/task-queues', /POST \/api\/queue\/v1\/task-queues is not part/],
    ['get', '/api/github/v1/builds', /no service "github" in the local Taskcluster; there are auth, queue/],
    ['get', '/api/queue/v2/ping', /below \/api\/<service>\/v1/],
    ['get', '/', /nothing at \/ in the local Taskcluster/],
    ['get', '/api/auth/v1/sentry/project/dsn', /is not part of the local Taskcluster/],
  ] as const) {
    it(`returns 404 for ${method} ${path} in the format of the services, and says why`, async () => {
      const answer = await client.send(method, path, method === 'post' ? { a: 1 } : undefined);
      const { code, message, requestInfo } = answer.body as Readonly<Record<string, unknown>>;
      assert.deepEqual([answer.status, code], [404, 'ResourceNotFound']);
      assert.match(String(message), problem);
      const { method: name, payload } = requestInfo as Readonly<Record<string, unknown>>;
      assert.deepEqual([name, payload], ['unknown', method === 'post' ? { a: 1 } : {}]);
    });
  }

  for (const path of [
    `/api/worker-manager/v1/worker-pool/${pool}/no-such-thing`,
    `/api/worker-manager/v1/worker-pool/${POOL}/no-such-thing`,
    `/api/worker-manager/v1/worker-pool-errors/${pool}/no-such-thing`,
    `/api/worker-manager/v1/workers/${pool}/here/worker-1/no-such-thing`,
    `/api/queue/v1/claim-work/${pool}/no-such-thing`,
    `/api/purge-cache/v1/purge-cache/${pool}/no-such-thing`,
  ]) {
    it(`does not treat ${path.slice('/api'.length)} as the name of a pool`, async () => {
      for (const method of ['get', 'post']) {
        const { status, body } = await client.send(method, path, method === 'post' ? {} : undefined);
        assert.deepEqual([status, (body as { readonly code: string }).code], [404, 'ResourceNotFound'], method);
      }
    });
  }

  for (const path of ['/stats', '/launch-configs', '']) {
    it(`accepts an encoded or plain slash in the name of a pool before ${path || 'the end'}`, async () => {
      for (const name of [pool, POOL]) {
        const { status, body } = await client.send('get', `/api/worker-manager/v1/worker-pool/${name}${path}`);
        assert.equal(status, 404);
        assert.match((body as { readonly message: string }).message, /^There is no worker pool local\/pool\./);
      }
    });
  }

  for (const name of [
    'Local/pool',
    'local/Pool',
    'local/a_pool',
    'local/-pool',
    'local/pool-',
    'local/1pool',
    'local',
    `local/${'a'.repeat(39)}`,
  ]) {
    const isValid = name === 'Local/pool';
    it(`${isValid ? 'accepts' : 'refuses'} ${name} as the name of a pool`, async () => {
      const path = encodeURIComponent(name);
      for (const route of [
        `worker-manager/v1/worker-pool/${path}`,
        `queue/v1/task-queues/${path}`,
        `queue/v1/pending/${path}`,
      ]) {
        const { status, body } = await client.send('get', `/api/${route}`);
        const { code } = body as { readonly code?: string };
        assert.deepEqual([status === 400, code === 'InvalidRequestArguments'], [!isValid, !isValid], route);
      }
    });
  }

  it('answers a URL that cannot be decoded in the format of the services', async () => {
    const { status, body } = await client.send('get', '/api/queue/v1/task/%zz');
    assert.deepEqual([status, Object.keys(body as object)], [400, ['code', 'message', 'requestInfo']]);
  });

  for (const query of ['limit=many', 'limit=1&limit=2', 'bogus=1']) {
    it(`refuses the query ${query}`, async () => {
      const { status } = await client.send('get', `/api/queue/v1/task-queues?${query}`);
      assert.equal(status, 400);
    });
  }
});
