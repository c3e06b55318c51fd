import assert from 'node:assert/strict';
import { readFile, stat } from 'node:fs/promises';
import { AwsHost } from '../../../src/lib/host/aws.js';
import type { AwsHostOptions } from '../../../src/lib/host/aws.js';
import type { ConfigTree } from '../../../src/lib/config/layers.js';
import { HostError } from '../../../src/lib/host/host.js';
import type { TerminationNotice } from '../../../src/lib/host/host.js';
import type { Credentials } from '../../../src/lib/queue/queue-client.js';
import { FakeInstanceMetadata, INSTANCE_ID, ec2Fixture } from '../../fakes/fake-instance-metadata.js';
import { FakeWorkerManager } from '../../fakes/fake-worker-manager.js';
import { until } from '../../support/until.js';
import { ConfigFolder, load } from '../config/fixture.js';
import { ServiceError } from '../../../src/lib/outcome/service-error.js';

const BY_WORKER_MANAGER = {
  rootUrl: 'https://tc.example.com',
  workerPoolId: 'proj/ci',
  providerId: 'aws',
  workerGroup: 'us-west-2',
  workerConfig: { capacity: 1 },
};
const RETRIES = { attempts: 3, firstDelayMs: 1, maxDelayMs: 1, randomization: 0 };
const refused = (): ServiceError => new ServiceError('taskcluster', 'workerManager failed: HTTP 400: no', 400);
const down = (): ServiceError => new ServiceError('taskcluster', 'workerManager failed: HTTP 503: later', 503);

const folder = new ConfigFolder();
let metadata: FakeInstanceMetadata;
let manager: FakeWorkerManager;
let endings: string[];
let problems: string[];
let placed: unknown[];

beforeEach(async () => {
  await folder.create();
  metadata = await FakeInstanceMetadata.start();
  manager = new FakeWorkerManager();
  endings = [];
  problems = [];
  placed = [];
});
afterEach(async () => {
  await metadata.close();
  await folder.remove();
});

const host = (options: Partial<AwsHostOptions> = {}): AwsHost =>
  new AwsHost({
    workerManager: manager,
    powerOff: () => {
      endings.push('power off');
      return Promise.resolve();
    },
    placeFiles: (files) => {
      placed.push(...files);
      return Promise.resolve();
    },
    onProblem: (problem) => problems.push(problem),
    metadataUrl: metadata.url,
    registrationFile: folder.path('state/registration.json'),
    retries: RETRIES,
    ...options,
  });
const userData = (values: unknown): void => {
  metadata.answers.set('/user-data', typeof values === 'string' ? values : JSON.stringify(values));
};

describe('AwsHost: configuration', () => {
  const FACTS = {
    host: 'ec2-203-0-113-25.us-west-2.compute.amazonaws.com',
    publicIp: '203.0.113.25',
    privateIp: '10.158.112.84',
    workerId: INSTANCE_ID,
    instanceId: INSTANCE_ID,
    workerGroup: 'us-west-2',
    region: 'us-west-2',
    workerNodeType: 't2.micro',
    instanceType: 't2.micro',
    workerLocation: '{"cloud":"aws","region":"us-west-2","availabilityZone":"us-west-2b"}',
    shutdown: { enabled: true, afterIdleSeconds: 900 },
  };
  const configured = async (): Promise<ConfigTree> =>
    JSON.parse(JSON.stringify(await host().configure())) as ConfigTree;

  it('comes from the metadata, with the idle time of EC2', async () => {
    assert.deepEqual(await configured(), FACTS);
  });

  it('uses the private address when there is no public one', async () => {
    metadata.answers.delete('/meta-data/public-ipv4');
    metadata.answers.set('/meta-data/public-hostname', '');
    const { host: name, publicIp } = await configured();
    assert.deepEqual([name, publicIp], ['10.158.112.84', '10.158.112.84']);
  });

  it("merges the pool's secrets over static user data", async () => {
    userData({
      credentials: { clientId: 'static', accessToken: 'the-token' },
      taskclusterRootUrl: 'https://tc.example.com',
      provisionerId: 'proj',
      workerType: 'ci',
      capacity: 2,
      data: { capacity: 3, shutdown: { afterIdleSeconds: 60 }, dockerConfig: { allowPrivileged: true } },
    });
    manager.secrets.set('worker-type:proj/ci', { capacity: 4, statelessHostname: { secret: 's1' } });
    manager.secrets.set('worker-pool:proj/ci', {
      config: { statelessHostname: { secret: 's2' }, workerTypeMetadata: { hidden: 'it is of a secret' } },
      files: [{ path: '/etc/key' }],
    });
    assert.deepEqual(await configured(), {
      ...FACTS,
      taskcluster: { clientId: 'static', accessToken: 'the-token' },
      rootUrl: 'https://tc.example.com',
      provisionerId: 'proj',
      workerType: 'ci',
      capacity: 4,
      shutdown: { enabled: true, afterIdleSeconds: 60 },
      dockerConfig: { allowPrivileged: true },
      statelessHostname: { secret: 's2' },
    });
    assert.deepEqual([placed, problems], [[{ path: '/etc/key' }], []]);
  });

  it('registers with worker-manager by the identity document', async () => {
    userData(BY_WORKER_MANAGER);
    manager.workerConfig = { dockerWorker: { config: { capacity: 5 }, files: [{ path: '/etc/file' }] } };
    const values = await configured();
    assert.deepEqual(manager.requests, [
      {
        workerPoolId: 'proj/ci',
        providerId: 'aws',
        workerGroup: 'us-west-2',
        workerId: INSTANCE_ID,
        workerIdentityProof: {
          document: ec2Fixture('instance-identity-document.json'),
          signature: 'dExamplesignature0O1l',
        },
      },
    ]);
    const { config } = await load({ host: { name: 'host aws', values }, env: {} });
    const { provisionerId, workerType, workerGroup, workerId, capacity, rootUrl, taskcluster } = config;
    assert.deepEqual([provisionerId, workerType, workerGroup, workerId], ['proj', 'ci', 'us-west-2', INSTANCE_ID]);
    assert.deepEqual([capacity, rootUrl], [5, 'https://tc.example.com']);
    assert.deepEqual(taskcluster, { clientId: 'worker-1', accessToken: 'the-token', certificate: '{}' });
    assert.ok(manager.calls.includes('secret worker-pool:proj/ci worker-1'));
    assert.deepEqual(placed, [{ path: '/etc/file' }]);
  });

  it('registers once for all starts, in a private file', async () => {
    userData(BY_WORKER_MANAGER);
    await configured();
    const file = folder.path('state/registration.json');
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    const { taskcluster } = (await configured()) as { taskcluster: Credentials };
    assert.equal(taskcluster.clientId, 'worker-1');
    assert.equal(manager.requests.length, 1);
    userData({ ...BY_WORKER_MANAGER, workerPoolId: 'proj/other' });
    await configured();
    assert.equal(manager.requests.length, 2);
    assert.match(await readFile(file, 'utf8'), /proj\/other/);
  });

  it('registers again when its registration has expired', async () => {
    userData(BY_WORKER_MANAGER);
    manager.lifetimeMs = -1;
    await configured();
    await configured();
    assert.equal(manager.requests.length, 2);
  });

  it('retries while worker-manager, the secrets or the metadata are down', async () => {
    userData(BY_WORKER_MANAGER);
    metadata.failures = 2;
    manager.failures = [down(), down()];
    await configured();
    manager.failures = [down(), down()];
    await configured();
    assert.match(problems.join(), /HTTP 503/);
  });

  it('goes on without a secret that it may not read', async () => {
    userData({ ...BY_WORKER_MANAGER });
    await configured();
    manager.failures = [refused(), refused()];
    await configured();
    assert.match(problems.join(), /continuing without the secret worker-type:proj\/ci/);
  });

  it('fails for good when worker-manager refuses the worker', async () => {
    userData(BY_WORKER_MANAGER);
    manager.failures = [refused()];
    await assert.rejects(configured(), HostError);
  });

  it('fails when no metadata service answers', async () => {
    await metadata.close();
    await assert.rejects(configured(), (error) => {
      assert.ok(!(error instanceof HostError));
      assert.match(String(error), /host aws: the instance metadata service does not answer .*ECONNREFUSED/);
      return true;
    });
  });

  for (const [text, says] of [
    ['{"accessToken": "the-token', /user data: not valid JSON/],
    ['["the-token"]', /user data: expected a map/],
    ['{"workerPoolId": "proj/ci", "rootUrl": "the-token"}', /user data: providerId: expected a text/],
    [JSON.stringify({ ...BY_WORKER_MANAGER, workerPoolId: 'the-token' }), /workerPoolId: expected <provisionerId>/],
  ] as const) {
    it(`explains invalid user data without quoting it: ${text.slice(0, 40)}`, async () => {
      userData(text);
      await assert.rejects(configured(), (error) => {
        assert.match(String(error), says);
        assert.doesNotMatch(String(error), /the-token/);
        return true;
      });
    });
  }
});

describe('AwsHost: lifecycle', () => {
  const notices: TerminationNotice[] = [];
  beforeEach(() => notices.splice(0));

  for (const path of ['/meta-data/spot/instance-action', '/meta-data/spot/termination-time']) {
    it(`gives one notice when ${path} exists`, async () => {
      const watching = host().terminationNotices((notice) => notices.push(notice), 1, new AbortController().signal);
      await until('it looks there', () => metadata.asked, { isDone: (asked) => asked.includes(`GET /latest${path}`) });
      assert.equal(notices.length, 0);
      metadata.answers.set(path, '2017-09-18T08:22:00Z');
      await watching;
      assert.equal(notices.length, 1);
      assert.equal(notices[0]?.finishTasks, false);
      assert.match(notices[0].reason, /^spot: .*2017-09-18T08:22:00Z/);
    });
  }

  it('keeps polling when the metadata service does not answer', async () => {
    metadata.failures = 6;
    metadata.announceTermination();
    await host().terminationNotices((notice) => notices.push(notice), 1, new AbortController().signal);
    assert.equal(notices.length, 1);
    assert.equal(problems.length, 1);
  });

  it('stops polling when the signal aborts', async () => {
    const stop = new AbortController();
    const watching = host().terminationNotices((notice) => notices.push(notice), 60_000, stop.signal);
    stop.abort(new Error('enough'));
    await assert.rejects(watching, /enough/);
  });

  it('renews its credentials before they expire, with the latest secret', async () => {
    userData(BY_WORKER_MANAGER);
    manager.lifetimeMs = 20;
    const instance = host();
    await instance.configure();
    const renewals: Credentials[] = [];
    const stop = new AbortController();
    const renewing = instance.credentialRenewals((renewed) => {
      renewals.push(renewed);
      manager.lifetimeMs = renewals.length > 1 ? 3600_000 : 20;
      if (renewals.length === 2)
        setImmediate(() => {
          stop.abort(new Error('enough'));
        });
    }, stop.signal);
    await assert.rejects(renewing, /enough/);
    assert.deepEqual(
      manager.calls.filter((call) => call.startsWith('reregister')),
      ['reregister worker-1 secret-1', 'reregister worker-2 secret-2'],
    );
    assert.deepEqual(
      renewals.map(({ clientId }) => clientId),
      ['worker-2', 'worker-3'],
    );
  });

  it('drains and ends when the credentials cannot be renewed', async () => {
    userData(BY_WORKER_MANAGER);
    manager.lifetimeMs = 20;
    const instance = host();
    await instance.configure();
    manager.failures = [refused()];
    const stop = new AbortController();
    await assert.rejects(
      instance.credentialRenewals(() => undefined, stop.signal),
      /HTTP 400/,
    );
    const watching = instance.terminationNotices(
      (notice) => {
        notices.push(notice);
        stop.abort(new Error('enough'));
      },
      1,
      stop.signal,
    );
    await assert.rejects(watching, /enough/);
    assert.deepEqual(notices[0], { reason: 'the credentials cannot be renewed', finishTasks: true });
  });

  it('powers off at its end even when worker-manager cannot be told', async () => {
    userData(BY_WORKER_MANAGER);
    const instance = host();
    await instance.configure();
    await instance.shutdown();
    assert.deepEqual(manager.removed, [`proj/ci/us-west-2/${INSTANCE_ID}`]);
    manager.failures = [down()];
    await instance.shutdown();
    assert.deepEqual(endings, ['power off', 'power off']);
    await host().shutdown();
    assert.equal(endings.length, 3);
  });

  it('reports errors only when it is registered', async () => {
    const report = { kind: 'k', title: 't', description: 'd', extra: {} };
    await host().reportError(report);
    userData(BY_WORKER_MANAGER);
    const instance = host();
    await instance.configure();
    await instance.reportError(report);
    assert.deepEqual(manager.reports, [report]);
  });
});
