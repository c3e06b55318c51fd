import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { ConfigError } from '../../../src/lib/config/config-error.js';
import type { ConfigTree } from '../../../src/lib/config/layers.js';
import { RunnerProtocol } from '../../../src/lib/host/worker-runner-protocol.js';
import { WorkerRunnerHost } from '../../../src/lib/host/worker-runner.js';
import { ConfigFolder, load } from '../config/fixture.js';

const folder = new ConfigFolder();

/** A host whose worker-runner sends nothing; `placed` gets the files that the host writes. */
function hostWith(configPath: string, placed: unknown[] = []): WorkerRunnerHost {
  const ignore = (): void => undefined;
  return new WorkerRunnerHost({
    configPath,
    protocol: new RunnerProtocol({ input: new PassThrough(), write: ignore }),
    write: ignore,
    writeDetached: ignore,
    placeFiles: (files) => {
      placed.push(...files);
      return Promise.resolve();
    },
    onProblem: ignore,
  });
}

describe('the configuration that worker-runner writes', () => {
  beforeEach(() => folder.create());
  afterEach(() => folder.remove());

  const read = async (values: unknown): Promise<ConfigTree> => {
    const file = await folder.write('config.json', typeof values === 'string' ? values : JSON.stringify(values));
    return await hostWith(file).configure();
  };

  it('is used unchanged for docker-worker', async () => {
    const values = {
      host: 'box.example.com',
      publicIp: '1.2.3.4',
      instanceType: 'm5.large',
      workerNodeType: 'something',
      workerLocation: '{"cloud":"aws"}',
      rootUrl: 'https://tc.example.com',
      taskcluster: { clientId: 'c', accessToken: 't' },
      capacity: 3,
    };
    assert.deepEqual(await read(values), values);
  });

  it('is translated from the format of generic-worker', async () => {
    const values = await read({
      rootURL: 'https://tc.example.com',
      clientId: 'worker/x',
      accessToken: 'the-token',
      certificate: '{}',
      provisionerId: 'proj',
      workerType: 'ci',
      workerGroup: 'us-west-2',
      workerId: 'i-1',
      publicIP: '1.2.3.4',
      privateIP: '10.0.0.4',
      instanceType: 'm5.large',
      instanceID: 'i-1',
      region: 'us-west-2',
      availabilityZone: 'us-west-2a',
      workerLocation: '{"cloud":"aws"}',
      workerTypeMetadata: { image: 'ami-1' },
      capacity: 2,
    });
    const { config } = await load({ host: { name: 'host worker-runner', values }, env: {} });
    const { taskcluster, rootUrl, publicIp, privateIp, instanceId, workerNodeType, workerLocation, capacity } = config;
    assert.deepEqual(taskcluster, { clientId: 'worker/x', accessToken: 'the-token', certificate: '{}' });
    assert.equal(rootUrl, 'https://tc.example.com');
    assert.deepEqual([publicIp, privateIp, instanceId], ['1.2.3.4', '10.0.0.4', 'i-1']);
    assert.deepEqual([workerNodeType, workerLocation, capacity], ['m5.large', '{"cloud":"aws"}', 2]);
  });

  it('may contain the unparsed configuration of the pool', async () => {
    const files = [{ path: '/etc/key', content: '' }];
    const file = await folder.write(
      'config.json',
      JSON.stringify({
        dockerWorker: { config: { capacity: 3, rootUrl: 'https://elsewhere.example.com', region: 'here' }, files },
        rootURL: 'https://tc.example.com',
        clientId: 'worker/x',
        accessToken: 'the-token',
        region: 'us-west-2',
        workerTypeMetadata: { 'ami-id': 'ami-1' },
      }),
    );
    const placed: unknown[] = [];
    const values = await hostWith(file, placed).configure();
    assert.deepEqual(placed, files);
    assert.deepEqual(JSON.parse(JSON.stringify(values)), {
      capacity: 3,
      rootUrl: 'https://tc.example.com',
      region: 'us-west-2',
      workerTypeMetadata: { 'ami-id': 'ami-1' },
      taskcluster: { clientId: 'worker/x', accessToken: 'the-token' },
    });
  });

  it('ends idle workers unless a file says otherwise', async () => {
    const { name, defaults } = hostWith('/nowhere');
    const { config } = await load({ host: { name, values: {}, defaults } });
    assert.deepEqual([config.shutdown.enabled, config.shutdown.afterIdleSeconds], [true, 300]);
    const configPath = await folder.write('own.yml', 'shutdown: { enabled: false }');
    assert.equal((await load({ configPath, host: { name, values: {}, defaults } })).config.shutdown.enabled, false);
  });

  it('is named but never quoted when it is invalid', async () => {
    const large = JSON.stringify({ accessToken: 'the-token', list: Array(20_000).fill(0) });
    for (const text of ['{"accessToken": "the-token"', '["the-token"]', large]) {
      await assert.rejects(read(text), (error) => {
        assert.ok(error instanceof ConfigError);
        assert.match(error.message, /config\.json \(written by worker-runner\): /);
        assert.doesNotMatch(error.message, /the-token/);
        return true;
      });
    }
    await assert.rejects(hostWith('/nowhere/config.json').configure(), /can't be read: ENOENT/);
  });
});
