import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { clients } from 'taskcluster-client';
import type { RunStatus } from 'taskcluster-client';
import type { ConfigTree } from '../../../src/lib/config/layers.js';
import { FakeInstanceMetadata, INSTANCE_ID } from '../../fakes/fake-instance-metadata.js';
import { FleetMachine } from '../../support/fleet-machine.js';
import type { Program } from '../../support/program.js';

const POOL = 'local/docker-worker';

describe('an EC2 instance', function () {
  this.timeout(900_000);
  let machine: FleetMachine;
  let metadata: FakeInstanceMetadata;

  beforeEach(async () => {
    machine = await FleetMachine.start();
    metadata = await FakeInstanceMetadata.start();
  });
  afterEach(async () => {
    await machine.close();
    await metadata.close();
  });

  const boot = (): Program =>
    machine.worker(['--host', 'aws', 'production'], {
      DOCKER_WORKER_METADATA_URL: metadata.url,
      DOCKER_WORKER_REGISTRATION: join(machine.directory, 'registration.json'),
      DOCKER_WORKER_SHUTDOWN_COMMAND: `touch ${join(machine.directory, 'switched-off')}`,
    });
  const manager = (): InstanceType<typeof clients.WorkerManager> => {
    const { rootUrl, credentials } = machine.taskcluster;
    return new clients.WorkerManager({ rootUrl, credentials });
  };

  /** Creates the pool, and the user data that worker-manager gives to an instance with these settings. */
  const launch = async (settings: ConfigTree): Promise<void> => {
    const workerConfig = { dockerWorker: { config: { ...machine.settings, ...settings } } };
    await manager().createWorkerPool(POOL, {
      providerId: 'aws',
      description: 'a pool',
      owner: 'me@example.com',
      emailOnError: false,
      config: { workerConfig },
    });
    const { rootUrl } = machine.taskcluster;
    const userData = { rootUrl, workerPoolId: POOL, providerId: 'aws', workerGroup: 'us-west-2', workerConfig: {} };
    metadata.answers.set('/user-data', JSON.stringify(userData));
  };

  it('registers, and at a spot termination notice reports its four tasks at once and uploads their logs', async () => {
    await launch({ capacity: 4 });
    const worker = boot();
    const taskIds = await Promise.all([1, 2, 3, 4].map(() => machine.createTask('echo running; sleep 600')));
    for (const taskId of taskIds) await worker.prints(`"taskId":"${taskId}","runId":0,"containerId":`);
    metadata.announceTermination();
    const noticedAt = Date.now();
    // One after the other: polling all of them at once would slow down what is measured.
    const runs: RunStatus[] = [];
    for (const taskId of taskIds) runs.push(await machine.resolved(taskId));
    assert.deepEqual(
      runs.map(({ reasonResolved }) => reasonResolved),
      taskIds.map(() => 'worker-shutdown'),
    );
    assert.deepEqual(await worker.ended, { code: 0, signal: null });

    const reportedMs = Math.max(...runs.map(({ resolved }) => new Date(resolved ?? '').getTime())) - noticedAt;
    process.stdout.write(
      `      four runs reported ${reportedMs} ms after the notice, which is looked for every 500 ms\n`,
    );
    assert.ok(reportedMs < 30_000, `${reportedMs} ms`);
    for (const taskId of taskIds) {
      assert.match(await machine.logOf(taskId), /\nrunning\r\n[^]*Reason: worker-shutdown\n/);
    }
    assert.ok((await readdir(machine.directory)).includes('switched-off'));
    assert.equal((await manager().worker(POOL, 'us-west-2', INSTANCE_ID)).state, 'stopped');
    assert.equal(worker.stderr, '');
    assert.doesNotMatch(worker.stdout, /"accessToken"|"certificate"/);
  });

  it('is switched off when it is idle, after its task has completed', async () => {
    await launch({ shutdown: { afterIdleSeconds: 1 } });
    const taskId = await machine.createTask('sleep 2');
    const worker = boot();
    assert.deepEqual(await worker.ended, { code: 0, signal: null });
    assert.equal((await machine.resolved(taskId)).state, 'completed');
    assert.ok((await readdir(machine.directory)).includes('switched-off'));
    assert.equal((await manager().worker(POOL, 'us-west-2', INSTANCE_ID)).state, 'stopped');
  });

  it('is switched off when neither user data nor files name its deployment', async () => {
    const worker = boot();
    assert.deepEqual(await worker.ended, { code: 2, signal: null });
    assert.match(worker.stdout, /"type":"\[alert-operator\] worker start failed"/);
    assert.match(worker.stderr, /docker-worker: rootUrl: /);
    assert.ok((await readdir(machine.directory)).includes('switched-off'));
  });

  it('is switched off when worker-manager refuses to register it', async () => {
    const { rootUrl } = machine.taskcluster;
    const userData = { rootUrl, workerPoolId: POOL, providerId: 'aws', workerGroup: 'us-west-2' };
    metadata.answers.set('/user-data', JSON.stringify(userData));
    const worker = boot();
    assert.equal((await worker.ended).code, 1);
    assert.match(worker.stdout, /There is no worker pool.*"\[alert-operator\] worker start failed"/);
    assert.ok((await readdir(machine.directory)).includes('switched-off'));
  });
});
