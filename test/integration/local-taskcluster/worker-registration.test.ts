import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clients } from 'taskcluster-client';
import { AwsHost } from '../../../src/lib/host/aws.js';
import type { Credentials } from '../../../src/lib/queue/queue-client.js';
import { TaskclusterWorkerManager } from '../../../src/lib/host/taskcluster-worker-manager.js';
import { FakeInstanceMetadata, INSTANCE_ID } from '../../fakes/fake-instance-metadata.js';
import { Deployment, POOL } from './deployment.js';

describe('the host aws with worker-manager and secrets', () => {
  const deployment = new Deployment();
  let metadata: FakeInstanceMetadata;
  let directory: string;
  let problems: string[];

  beforeEach(async () => {
    metadata = await FakeInstanceMetadata.start();
    directory = await mkdtemp(join(tmpdir(), 'worker-registration-'));
    problems = [];
    await manager().createWorkerPool(POOL, {
      providerId: 'aws',
      description: 'a pool',
      owner: 'me@example.com',
      emailOnError: false,
      config: { workerConfig: { capacity: 3 }, lifecycle: { reregistrationTimeout: 2 } },
    });
    const { rootUrl } = deployment.server;
    const userData = { rootUrl, workerPoolId: POOL, providerId: 'aws', workerGroup: 'us-west-2' };
    metadata.answers.set('/user-data', JSON.stringify(userData));
  });
  afterEach(async () => {
    await metadata.close();
    await rm(directory, { recursive: true });
  });

  const manager = (credentials?: Credentials): InstanceType<typeof clients.WorkerManager> =>
    new clients.WorkerManager(deployment.clientOptions(credentials ? { credentials } : {}));
  const host = (): AwsHost =>
    new AwsHost({
      workerManager: new TaskclusterWorkerManager(10_000),
      powerOff: () => Promise.resolve(),
      placeFiles: () => Promise.resolve(),
      onProblem: (problem) => problems.push(problem),
      metadataUrl: metadata.url,
      registrationFile: join(directory, 'registration.json'),
    });

  it('registers, reads secrets, renews its credentials, reports an error and unregisters', async () => {
    const expires = new Date(Date.now() + 3600_000).toJSON();
    const secrets = new clients.Secrets(deployment.clientOptions());
    await secrets.set(`worker-pool:${POOL}`, { secret: { config: { dockerVolume: '/mnt/secret' } }, expires });
    const instance = host();
    const { capacity, dockerVolume, taskcluster } = await instance.configure();
    assert.deepEqual([capacity, dockerVolume], [3, '/mnt/secret']);

    const stop = new AbortController();
    const renewed = await new Promise<Credentials>((resolve, reject) => {
      instance.credentialRenewals(resolve, stop.signal).catch(reject);
    });
    stop.abort(new Error('enough'));
    assert.notEqual(renewed.accessToken, (taskcluster as Credentials).accessToken);
    const auth = new clients.Auth(deployment.clientOptions({ credentials: renewed }));
    assert.ok((await auth.currentScopes()).scopes.includes(`queue:claim-work:${POOL}`));

    const access = { rootUrl: deployment.server.rootUrl, credentials: renewed };
    const worker = { workerPoolId: POOL, workerGroup: 'us-west-2', workerId: INSTANCE_ID };
    const advice = await new TaskclusterWorkerManager(10_000).shouldTerminate(
      access,
      worker,
      new AbortController().signal,
    );
    assert.equal(typeof advice.terminate, 'boolean');
    assert.match(advice.reason, /./);

    await instance.reportError({ kind: 'some-kind', title: 't', description: 'd', extra: { port: 1 } });
    const { workerPoolErrors } = await manager().listWorkerPoolErrors(POOL);
    assert.deepEqual(
      workerPoolErrors.map(({ kind, extra }) => [kind, extra]),
      [['some-kind', { port: 1, workerGroup: 'us-west-2', workerId: INSTANCE_ID }]],
    );
    await instance.shutdown();
    assert.equal((await manager().worker(POOL, 'us-west-2', INSTANCE_ID)).state, 'stopped');
    assert.deepEqual(problems, []);
  });
});
