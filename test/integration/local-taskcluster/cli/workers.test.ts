import assert from 'node:assert/strict';
import { nice as newSlugid } from 'slugid';
import type { CliClient } from '../../../support/cli-client.js';
import { Deployment, POOL, WORKER } from '../deployment.js';

const [PROVISIONER, TYPE] = POOL.split('/') as [string, string];
const { workerGroup: GROUP, workerId: ID } = WORKER;
const inHours = (hours: number): string => new Date(Date.now() + hours * 3_600_000).toJSON();
const staticSecret = `${newSlugid()}${newSlugid()}`;
const staticPool = (config: object = {}) => ({
  providerId: 'static',
  description: 'a pool',
  config,
  owner: 'owner@example.com',
  emailOnError: false,
});

describe('worker management with the calls of the command line client', () => {
  const deployment = new Deployment(() => ({ longPollMs: 20 }));
  let cli: CliClient;
  let anonymous: CliClient;
  beforeEach(() => {
    cli = deployment.cli();
    anonymous = deployment.anonymousCli();
  });
  const claimWork = async (workerId = ID): Promise<readonly unknown[]> => {
    const payload = { tasks: 1, workerGroup: GROUP, workerId };
    return ((await cli.call('queue claimWork', [POOL], { payload })).body as { readonly tasks: readonly unknown[] })
      .tasks;
  };
  const names = (body: unknown, list: string, key: string): readonly unknown[] =>
    (body as Record<string, readonly Record<string, unknown>[]>)[list]?.map((each) => each[key]) ?? [];

  it('shows only task queues from which a worker has claimed', async () => {
    await deployment.createTask();
    assert.deepEqual((await anonymous.call('queue listTaskQueues')).body, { taskQueues: [] });
    assert.equal((await anonymous.call('queue getTaskQueue', [POOL])).status, 404);
    await claimWork();
    assert.deepEqual(names((await anonymous.call('queue listTaskQueues')).body, 'taskQueues', 'taskQueueId'), [POOL]);
    assert.equal((await anonymous.call('queue getTaskQueue', [POOL])).status, 200);
    const provisioners = await anonymous.call('queue listProvisioners');
    assert.deepEqual(names(provisioners.body, 'provisioners', 'provisionerId'), [PROVISIONER]);
    assert.equal((await anonymous.call('queue getProvisioner', [PROVISIONER])).status, 200);
    const types = await anonymous.call('queue listWorkerTypes', [PROVISIONER]);
    assert.deepEqual(names(types.body, 'workerTypes', 'workerType'), [TYPE]);
    assert.equal((await anonymous.call('queue getWorkerType', [PROVISIONER, TYPE])).status, 200);
    assert.equal((await anonymous.call('queue getProvisioner', ['other'])).status, 404);
  });

  it('counts and lists pending and claimed tasks', async () => {
    await deployment.createTask();
    const waiting = await deployment.createTask();
    await claimWork();
    assert.equal(
      ((await anonymous.call('queue pendingTasks', [POOL])).body as { pendingTasks: number }).pendingTasks,
      1,
    );
    const { body: counts } = await anonymous.call('queue taskQueueCounts', [POOL]);
    assert.equal((counts as { readonly claimedTasks: number }).claimedTasks, 1);
    const pending = await anonymous.call('queue listPendingTasks', [POOL]);
    assert.deepEqual(names(pending.body, 'tasks', 'taskId'), [waiting]);
    const claimed = await anonymous.call('queue listClaimedTasks', [POOL]);
    assert.deepEqual(names(claimed.body, 'tasks', 'workerId'), [ID]);
  });

  it('shows workers with their recent tasks, in both services', async () => {
    const taskId = await deployment.createTask();
    await claimWork();
    for (const service of ['queue', 'worker-manager']) {
      const list = await anonymous.call(`${service} listWorkers`, [PROVISIONER, TYPE]);
      assert.deepEqual(names(list.body, 'workers', 'latestTask'), [{ taskId, runId: 0 }]);
      const worker = await anonymous.call(`${service} getWorker`, [PROVISIONER, TYPE, GROUP, ID]);
      const { recentTasks } = worker.body as { readonly recentTasks: readonly unknown[] };
      assert.deepEqual(recentTasks, [{ taskId, runId: 0 }]);
      const unknown = await anonymous.call(`${service} getWorker`, [PROVISIONER, TYPE, GROUP, 'nobody']);
      assert.equal(unknown.status, 404);
    }
  });

  it('withholds tasks from a quarantined worker only', async () => {
    assert.deepEqual(await claimWork(), []);
    await deployment.createTask();
    const until = (quarantineUntil: string) => ({ payload: { quarantineUntil, quarantineInfo: 'it smells' } });
    const args = [PROVISIONER, TYPE, GROUP, ID];
    assert.equal(
      (await cli.call('queue quarantineWorker', [PROVISIONER, TYPE, GROUP, 'nobody'], until(inHours(1)))).status,
      404,
    );
    assert.equal((await cli.call('queue quarantineWorker', args, until(inHours(1)))).status, 200);
    const inQuarantine = async (quarantined: string): Promise<readonly unknown[]> => {
      const { body } = await anonymous.call('queue listWorkers', [PROVISIONER, TYPE], { query: { quarantined } });
      return names(body, 'workers', 'workerId');
    };
    assert.deepEqual([await inQuarantine('true'), await inQuarantine('false')], [[ID], []]);
    assert.deepEqual(await claimWork(), []);
    const { body } = await anonymous.call('worker-manager getWorker', args);
    assert.deepEqual(names(body, 'quarantineDetails', 'quarantineInfo'), ['it smells']);
    assert.equal((await claimWork('worker-2')).length, 1);
    await deployment.createTask();
    await cli.call('queue quarantineWorker', args, until(inHours(-1)));
    assert.equal((await claimWork()).length, 1);
  });

  it('shows a worker that was declared before it claims', async () => {
    const args = [PROVISIONER, TYPE, GROUP, ID];
    assert.equal((await cli.call('queue declareWorker', args, { payload: { expires: inHours(2) } })).status, 200);
    assert.equal((await anonymous.call('queue getWorker', args)).status, 200);
  });

  it('creates, shows and removes pools and workers', async () => {
    assert.equal((await cli.call('worker-manager createWorkerPool', [POOL], { payload: staticPool() })).status, 200);
    assert.equal((await cli.call('worker-manager updateWorkerPool', [POOL], { payload: staticPool() })).status, 200);
    const payload = { expires: inHours(1), providerInfo: { staticSecret } };
    assert.equal((await cli.call('worker-manager createWorker', [POOL, GROUP, ID], { payload })).status, 200);
    assert.equal((await cli.call('worker-manager updateWorker', [POOL, GROUP, ID], { payload })).status, 200);
    for (const [method, args] of [
      ['listProviders', []],
      ['workerPool', [POOL]],
      ['listWorkerPools', []],
      ['listWorkersForWorkerPool', [POOL]],
      ['listWorkersForWorkerGroup', [POOL, GROUP]],
      ['worker', [POOL, GROUP, ID]],
    ] as const) {
      assert.equal((await anonymous.call(`worker-manager ${method}`, args)).status, 200, method);
    }
    const { body: stats } = await anonymous.call('worker-manager workerPoolStats', [POOL]);
    assert.deepEqual(names(stats, 'launchConfigStats', 'runningCount'), [1]);
    const { body: all } = await anonymous.call('worker-manager listWorkerPoolsStats');
    assert.deepEqual(names(all, 'workerPoolsStats', 'currentCapacity'), [1]);
    await cli.call('worker-manager removeWorker', [POOL, GROUP, ID]);
    assert.equal((await cli.call('worker-manager deleteWorkerPool', [POOL])).status, 200);
  });

  it('registers workers, accepts their error reports, and says whether they should terminate', async () => {
    await cli.call('worker-manager createWorkerPool', [POOL], { payload: staticPool() });
    const payload = { expires: inHours(1), providerInfo: { staticSecret } };
    const asked = [POOL, GROUP, ID];
    assert.equal((await anonymous.call('worker-manager shouldWorkerTerminate', asked)).status, 404);
    await cli.call('worker-manager createWorker', asked, { payload });
    const key = { workerPoolId: POOL, workerGroup: GROUP, workerId: ID };
    const registration = { ...key, providerId: 'static', workerIdentityProof: { staticSecret } };
    const { body } = await anonymous.call('worker-manager registerWorker', [], { payload: registration });
    const { credentials, secret } = body as {
      readonly credentials: { readonly clientId: string; readonly accessToken: string };
      readonly secret: string;
    };
    const worker = deployment.cli(credentials);
    const undecided = { terminate: false, reason: 'none' };
    assert.deepEqual((await worker.call('worker-manager shouldWorkerTerminate', asked)).body, undecided);
    const decision = { terminate: true, reason: 'over capacity' };
    deployment.server.decideTermination(key, decision);
    assert.deepEqual((await worker.call('worker-manager shouldWorkerTerminate', asked)).body, decision);
    const error = { kind: 'worker-error', title: 'Broken', description: 'It broke.', extra: { code: 'E1' } };
    const report = { payload: { workerGroup: GROUP, workerId: ID, ...error } };
    assert.equal((await worker.call('worker-manager reportWorkerError', [POOL], report)).status, 200);
    assert.equal((await anonymous.call('worker-manager listWorkerPoolErrors', [POOL])).status, 200);
    for (const query of [{}, { workerPoolId: POOL }]) {
      const { body: stats } = await anonymous.call('worker-manager workerPoolErrorStats', [], { query });
      const { total, title, code } = (stats as { readonly totals: Record<string, unknown> }).totals;
      assert.deepEqual([total, title, code], [1, { Broken: 1 }, { E1: 1 }]);
    }
    const again = { payload: { ...key, secret } };
    assert.equal((await worker.call('worker-manager reregisterWorker', [], again)).status, 200);
  });

  it('assigns ids to launch configurations, and archives those that were removed from a pool', async () => {
    const launchConfigs = [
      { region: 'here', launchConfig: { ImageId: 'ami-1' } },
      { region: 'there', launchConfig: { ImageId: 'ami-2' }, workerManager: { launchConfigId: 'mine' } },
    ];
    const pool = (config: object) => ({
      payload: { ...staticPool({ minCapacity: 0, maxCapacity: 1, ...config }), providerId: 'aws' },
    });
    await cli.call('worker-manager createWorkerPool', [POOL], pool({ launchConfigs }));
    const document = JSON.stringify({ instanceId: ID, region: 'there' });
    const proof = { providerId: 'aws', workerIdentityProof: { document, signature: 'x' } };
    const key = { workerPoolId: POOL, workerGroup: 'there', workerId: ID };
    await anonymous.call('worker-manager registerWorker', [], { payload: { ...key, ...proof } });
    const { body: worker } = await anonymous.call('worker-manager worker', [POOL, 'there', ID]);
    assert.equal((worker as { readonly launchConfigId?: string }).launchConfigId, 'mine');
    const ids = async (query = {}): Promise<readonly unknown[]> => {
      const { body } = await anonymous.call('worker-manager listWorkerPoolLaunchConfigs', [POOL], { query });
      return names(body, 'workerPoolLaunchConfigs', 'launchConfigId');
    };
    const [generated, own] = await ids();
    assert.match(String(generated), /^lc-[0-9a-f]{20}$/);
    assert.equal(own, 'mine');
    await cli.call('worker-manager updateWorkerPool', [POOL], pool({ launchConfigs: launchConfigs.slice(0, 1) }));
    assert.deepEqual(await ids(), [generated]);
    assert.deepEqual(await ids({ includeArchived: 'true' }), [generated, own]);
    const other = [{ region: 'here', workerManager: { launchConfigId: 'mine' } }];
    assert.equal(
      (await cli.call('worker-manager updateWorkerPool', [POOL], pool({ launchConfigs: other }))).status,
      409,
    );
    const mine = { query: { launchConfigId: 'mine' } };
    const { body } = await anonymous.call('worker-manager listWorkersForWorkerPool', [POOL], mine);
    assert.deepEqual(names(body, 'workers', 'workerId'), [ID]);
  });
});
