import assert from 'node:assert/strict';
import { nice as newSlugid } from 'slugid';
import { clients } from 'taskcluster-client';
import type { ClientCredentials, WorkerManager } from 'taskcluster-client';
import { Deployment, ManualClock, refusalOf, statusCodeOf } from './deployment.js';

const POOL = 'local/pool';
const WORKER = { workerPoolId: POOL, workerGroup: 'here', workerId: 'worker-1' };

describe('the worker manager of the local Taskcluster', () => {
  let clock = new ManualClock();
  const deployment = new Deployment(() => {
    clock = new ManualClock();
    return { now: clock.now, longPollMs: 20 };
  });
  const manager = (credentials?: ClientCredentials | Record<string, never>): WorkerManager =>
    new clients.WorkerManager(deployment.clientOptions(credentials && { credentials }));
  const inMinutes = (minutes: number): string => new Date(clock.now().getTime() + minutes * 60_000).toJSON();
  const pool = (changes: object = {}) => ({
    providerId: 'static',
    description: 'a pool',
    config: { workerConfig: { capacity: 3 } },
    owner: 'owner@example.com',
    emailOnError: false,
    ...changes,
  });
  const staticSecret = `${newSlugid()}${newSlugid()}`;
  const definition = (changes: object = {}) => ({
    expires: inMinutes(60),
    capacity: 2,
    providerInfo: { staticSecret },
    ...changes,
  });
  const createWorker = (changes: object = {}, workerId = WORKER.workerId) =>
    manager().createWorker(POOL, 'here', workerId, definition(changes));
  const registration = (changes: object = {}) => ({
    ...WORKER,
    providerId: 'static',
    workerIdentityProof: { staticSecret },
    ...changes,
  });
  const register = (changes: object = {}) => manager({}).registerWorker(registration(changes));

  describe('with pools', () => {
    it('creates, shows, changes and lists them', async () => {
      const created = await manager().createWorkerPool(POOL, pool());
      assert.deepEqual([created.workerPoolId, created['created']], [POOL, clock.now().toJSON()]);
      assert.equal(await statusCodeOf(manager().createWorkerPool(POOL, pool())), 409);
      clock.advance(1);
      await manager().updateWorkerPool(POOL, pool({ description: 'another', workerPoolId: POOL }));
      const shown = await manager({}).workerPool(POOL);
      assert.deepEqual(
        [shown['description'], shown['created'], shown['lastModified'], shown.config],
        ['another', created['created'], clock.now().toJSON(), { workerConfig: { capacity: 3 } }],
      );
      await manager().createWorkerPool('local/a-pool', pool());
      const { workerPools } = await manager({}).listWorkerPools();
      assert.deepEqual(
        workerPools.map(({ workerPoolId }) => workerPoolId),
        ['local/a-pool', POOL],
      );
    });

    it('refuses unknown pools and invalid definitions', async () => {
      assert.equal(await statusCodeOf(manager().workerPool(POOL)), 404);
      assert.equal(await statusCodeOf(manager().updateWorkerPool(POOL, pool())), 404);
      assert.equal(await statusCodeOf(manager().createWorkerPool(POOL, pool({ providerId: 'azure' }))), 400);
      assert.equal(await statusCodeOf(manager().createWorkerPool(POOL, pool({ bogus: 1 }))), 400);
      await manager().createWorkerPool(POOL, pool());
      assert.equal(await statusCodeOf(manager().updateWorkerPool(POOL, pool({ workerPoolId: 'local/other' }))), 400);
    });

    it('requires the scopes for the pool and for its provider', async () => {
      const scopes = [`worker-manager:manage-worker-pool:${POOL}`];
      deployment.server.addClient({ clientId: 'c', accessToken: 'a-long-secret', scopes });
      const refusal = await refusalOf(
        manager({ clientId: 'c', accessToken: 'a-long-secret' }).createWorkerPool(POOL, pool()),
      );
      assert.equal(refusal.statusCode, 403);
      assert.match(refusal.message, /Missing:\n {2}worker-manager:provider:static\n/);
    });

    it('deletes a pool at once, or with its last worker', async () => {
      await manager().createWorkerPool(POOL, pool());
      assert.equal((await manager().deleteWorkerPool(POOL)).providerId, 'null-provider');
      assert.equal(await statusCodeOf(manager().workerPool(POOL)), 404);
      await manager().createWorkerPool(POOL, pool());
      await createWorker();
      await manager().deleteWorkerPool(POOL);
      assert.equal((await manager().workerPool(POOL)).providerId, 'null-provider');
      await manager().removeWorker(POOL, 'here', 'worker-1');
      assert.equal(await statusCodeOf(manager().workerPool(POOL)), 404);
    });
  });

  describe('with workers of a static pool', () => {
    beforeEach(async () => {
      await manager().createWorkerPool(POOL, pool());
    });

    it('creates, counts, changes and lists them without their secrets', async () => {
      const created = await createWorker();
      assert.deepEqual(created, {
        ...WORKER,
        providerId: 'static',
        created: clock.now().toJSON(),
        lastModified: clock.now().toJSON(),
        lastChecked: clock.now().toJSON(),
        expires: inMinutes(60),
        capacity: 2,
        state: 'running',
      });
      assert.deepEqual(await createWorker(), created);
      await createWorker({}, 'worker-2');
      const counts = await manager().workerPool(POOL);
      assert.deepEqual([counts.runningCount, counts.currentCapacity], [2, 4]);
      const changed = await manager().updateWorker(POOL, 'here', 'worker-1', definition({ capacity: 5 }));
      assert.equal(changed.capacity, 5);
      assert.deepEqual(await manager({}).worker(POOL, 'here', 'worker-1'), changed);
      await manager().removeWorker(POOL, 'here', 'worker-2');
      const ids = async (page: ReturnType<WorkerManager['listWorkersForWorkerPool']>) =>
        (await page).workers.map(({ workerId }) => workerId);
      assert.deepEqual(await ids(manager({}).listWorkersForWorkerPool(POOL)), ['worker-1', 'worker-2']);
      assert.deepEqual(await ids(manager({}).listWorkersForWorkerPool(POOL, { state: 'stopped' })), ['worker-2']);
      assert.deepEqual(await ids(manager({}).listWorkersForWorkerGroup(POOL, 'here')), ['worker-1', 'worker-2']);
      assert.deepEqual(await ids(manager({}).listWorkersForWorkerGroup(POOL, 'there')), []);
    });

    it('refuses workers without a secret, with a different secret, or that have expired', async () => {
      assert.equal(await statusCodeOf(createWorker({ providerInfo: {} })), 400);
      assert.equal(await statusCodeOf(createWorker({ expires: inMinutes(-1) })), 400);
      await createWorker();
      const other = { providerInfo: { staticSecret: `${newSlugid()}${newSlugid()}` } };
      const refusal = await refusalOf(createWorker({ ...other, bogus: 1 }));
      assert.equal(refusal.statusCode, 400);
      assert.ok(!JSON.stringify(refusal.body).includes(other.providerInfo.staticSecret));
      assert.equal(await statusCodeOf(createWorker(other)), 400);
      assert.equal(await statusCodeOf(manager().worker(POOL, 'here', 'worker-9')), 404);
      assert.equal(await statusCodeOf(manager().removeWorker(POOL, 'here', 'worker-9')), 404);
    });

    it('gives a worker that presents its secret only the scopes that it needs', async () => {
      await createWorker();
      const { credentials, expires, workerConfig, secret } = await register();
      assert.deepEqual(workerConfig, { capacity: 3 });
      assert.equal(expires, inMinutes(96 * 60));
      assert.match(secret, /^[a-zA-Z0-9_-]{44}$/);
      assert.equal(credentials.clientId, 'worker/static/local/pool/here/worker-1');
      const { scopes } = await new clients.Auth(deployment.clientOptions({ credentials })).currentScopes();
      const { scopes: anonymous } = await new clients.Auth(
        deployment.clientOptions({ credentials: {} }),
      ).currentScopes();
      assert.deepEqual(
        scopes.filter((scope) => !anonymous.includes(scope)),
        [
          'assume:worker-id:here/worker-1',
          'assume:worker-pool:local/pool',
          'assume:worker-type:local/pool',
          'queue:claim-work:local/pool',
          'queue:worker-id:here/worker-1',
          'secrets:get:worker-pool:local/pool',
          'secrets:get:worker-type:local/pool',
          'worker-manager:remove-worker:local/pool/here/worker-1',
          'worker-manager:reregister-worker:local/pool/here/worker-1',
        ],
      );
    });

    it('lets a registered worker claim work as itself, read its secrets and remove itself', async () => {
      await createWorker();
      const { credentials } = await register();
      const taskId = await deployment.createTask({}, clock.now());
      const queue = deployment.queue({ credentials });
      const asItself = { workerGroup: 'here', workerId: 'worker-1' };
      assert.equal(await statusCodeOf(queue.claimWork('local/other', asItself)), 403);
      assert.equal(await statusCodeOf(queue.claimWork(POOL, { ...asItself, workerId: 'worker-2' })), 403);
      const { tasks } = await queue.claimWork(POOL, asItself);
      assert.deepEqual(
        tasks.map(({ status }) => status.taskId),
        [taskId],
      );
      const secret = { secret: { a: 1 }, expires: inMinutes(60) };
      await new clients.Secrets(deployment.clientOptions()).set(`worker-pool:${POOL}`, secret);
      const secrets = new clients.Secrets(deployment.clientOptions({ credentials }));
      assert.deepEqual(await secrets.get(`worker-pool:${POOL}`), secret);
      await manager(credentials).removeWorker(POOL, 'here', 'worker-1');
      assert.equal((await manager().worker(POOL, 'here', 'worker-1')).state, 'stopped');
    });

    it('refuses registrations without a valid proof of identity', async () => {
      assert.equal(await statusCodeOf(register()), 404);
      await createWorker({ expires: inMinutes(30) });
      const wrong = { workerIdentityProof: { staticSecret: `${newSlugid()}${newSlugid()}` } };
      const document = JSON.stringify({ instanceId: 'worker-1', region: 'here' });
      for (const changes of [
        wrong,
        { workerIdentityProof: { document, signature: 'x' } },
        { workerIdentityProof: {} },
        { providerId: 'aws' },
        { bogus: 1 },
      ]) {
        assert.equal(await statusCodeOf(register(changes)), 400, JSON.stringify(changes));
      }
      assert.equal(await statusCodeOf(register({ workerPoolId: 'local/none' })), 404);
      await register();
      clock.advance(31);
      assert.equal(await statusCodeOf(register()), 400);
    });

    it('renews credentials once for each secret that it issued', async () => {
      await manager().updateWorkerPool(POOL, pool({ config: { lifecycle: { reregistrationTimeout: 3600 } } }));
      await createWorker();
      const first = await register();
      assert.equal(first.expires, inMinutes(60));
      clock.advance(30);
      const again = (credentials: ClientCredentials, secret: string) =>
        manager(credentials).reregisterWorker({ ...WORKER, secret });
      const second = await again(first.credentials, first.secret);
      assert.equal(second.expires, inMinutes(60));
      assert.notEqual(second.secret, first.secret);
      assert.equal(await statusCodeOf(again(first.credentials, first.secret)), 400);
      clock.advance(40);
      assert.equal(await statusCodeOf(again(first.credentials, second.secret)), 401);
      await again(second.credentials, second.secret);
    });

    it('renews no credentials of another worker or of a removed one', async () => {
      await createWorker();
      const { credentials, secret } = await register();
      const other = { ...WORKER, workerId: 'worker-2', secret };
      assert.equal(await statusCodeOf(manager(credentials).reregisterWorker(other)), 403);
      await manager().removeWorker(POOL, 'here', 'worker-1');
      assert.equal(await statusCodeOf(manager(credentials).reregisterWorker({ ...WORKER, secret })), 400);
    });

    it('accepts error reports from workers, and lists them without credentials', async () => {
      await createWorker();
      const { credentials } = await register();
      const { workerGroup, workerId } = WORKER;
      const report = { kind: 'broken', title: 'Broken', description: 'It broke.', extra: { disk: 'full' } };
      const reported = await manager(credentials).reportWorkerError(POOL, { workerGroup, workerId, ...report });
      assert.deepEqual(reported.extra, { disk: 'full', workerGroup, workerId });
      const { workerPoolErrors } = await manager({}).listWorkerPoolErrors(POOL);
      assert.deepEqual(workerPoolErrors, [reported]);
      const found = await manager({}).listWorkerPoolErrors(POOL, { errorId: newSlugid() });
      assert.deepEqual(found.workerPoolErrors, []);
      const asOther = { workerGroup, workerId: 'worker-2', ...report };
      assert.equal(await statusCodeOf(manager(credentials).reportWorkerError(POOL, asOther)), 403);
    });
  });

  describe('with instances of a cloud', () => {
    const document = (changes: object = {}) => JSON.stringify({ instanceId: 'worker-1', region: 'here', ...changes });
    const proof = (changes: object = {}) => ({
      providerId: 'aws',
      workerIdentityProof: { document: document(changes), signature: 'not looked at' },
    });
    beforeEach(async () => {
      const launchConfigs = [
        { region: 'there', workerConfig: { at: 'there' } },
        { region: 'here', workerConfig: { at: 'here' }, launchConfig: { ImageId: 'ami-1' } },
      ];
      const config = { minCapacity: 0, maxCapacity: 1, launchConfigs };
      await manager().createWorkerPool(POOL, pool({ providerId: 'aws', config }));
    });

    it('registers an instance once by its identity document, with the configuration of its region', async () => {
      const { workerConfig, credentials } = await register(proof());
      assert.deepEqual(workerConfig, { at: 'here' });
      assert.equal(credentials.clientId, 'worker/aws/local/pool/here/worker-1');
      assert.equal((await manager().worker(POOL, 'here', 'worker-1')).state, 'running');
      assert.equal(await statusCodeOf(register(proof())), 400);
    });

    it('refuses documents about other instances, and invalid ones', async () => {
      assert.equal(await statusCodeOf(register(proof({ instanceId: 'worker-2' }))), 400);
      assert.equal(await statusCodeOf(register(proof({ region: 'there' }))), 400);
      assert.equal(await statusCodeOf(register({ providerId: 'aws' })), 400);
      for (const text of ['no JSON', 'null', '[]']) {
        const workerIdentityProof = { document: text, signature: 'x' };
        assert.equal(await statusCodeOf(register({ providerId: 'aws', workerIdentityProof })), 400);
      }
      assert.equal(await statusCodeOf(manager().worker(POOL, 'here', 'worker-1')), 404);
    });

    it('refuses to create one by a call', async () => {
      assert.equal(await statusCodeOf(createWorker()), 400);
    });
  });

  it('lists its providers', async () => {
    const { providers } = await manager({}).listProviders();
    assert.deepEqual(providers, [
      { providerId: 'aws', providerType: 'aws' },
      { providerId: 'static', providerType: 'static' },
    ]);
  });
});
