import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { PacketHost, parsePacketUserData } from '../../../src/lib/host/packet.js';
import { FakeWorkerManager } from '../../fakes/fake-worker-manager.js';
import { FlakyServer } from '../../support/flaky-server.js';
import { ConfigFolder, load } from '../config/fixture.js';
import { ServiceError } from '../../../src/lib/outcome/service-error.js';

const METADATA = readFileSync(new URL('../../fixtures/packet/metadata.json', import.meta.url), 'utf8');
const USER_DATA = fileURLToPath(new URL('../../fixtures/packet/user-data.txt', import.meta.url));
const RETRIES = { attempts: 3, firstDelayMs: 1, maxDelayMs: 1, randomization: 0 };

describe('PacketHost', () => {
  const folder = new ConfigFolder();
  let server: FlakyServer | undefined;
  let endings: string[];
  let manager: FakeWorkerManager;
  let placed: unknown[];
  let problems: string[];
  beforeEach(async () => {
    endings = [];
    manager = new FakeWorkerManager();
    placed = [];
    problems = [];
    await folder.create();
  });
  afterEach(async () => {
    await server?.close();
    await folder.remove();
  });

  const host = async (
    answers: readonly { status: number; body: string }[],
    userDataFile = USER_DATA,
  ): Promise<PacketHost> => {
    server = await FlakyServer.start((_, response, n) => {
      const { status = 500, body = '' } = answers[Math.min(n, answers.length) - 1] ?? {};
      response.writeHead(status, { 'content-type': 'application/json' }).end(body);
    });
    return new PacketHost({
      workerManager: manager,
      placeFiles: (files) => {
        placed.push(...files);
        return Promise.resolve();
      },
      onProblem: (problem) => problems.push(problem),
      powerOff: () => {
        endings.push('power off');
        return Promise.resolve();
      },
      metadataUrl: server.url,
      userDataFile,
      retries: RETRIES,
      machineUptimeSeconds: () => 9,
    });
  };

  it('takes its configuration from metadata and user data', async () => {
    const values = await (
      await host([
        { status: 503, body: '' },
        { status: 200, body: METADATA },
      ])
    ).configure();
    const { config } = await load({ profile: 'production', host: { name: 'host packet', values }, env: {} });
    assert.deepEqual(config.taskcluster, { clientId: 'project/releng/packet', accessToken: 'the=token=with=signs' });
    assert.equal(config.rootUrl, 'https://tc.example.com');
    assert.deepEqual([config.provisionerId, config.workerType], ['terraform-packet', 'gecko-t-linux']);
    const id = 'e1b9d4cd-6a9a-4d0c-9a50-8a2f6b8b1a3e';
    assert.deepEqual([config.workerId, config.instanceId, config.workerGroup, config.region], [id, id, 'sjc1', 'sjc1']);
    assert.deepEqual(
      [config.host, config.publicIp, config.privateIp],
      ['docker-worker-0', '198.51.100.35', '10.88.174.133'],
    );
    assert.deepEqual([config.workerNodeType, config.instanceType], ['packet.net', 'c1.small.x86']);
    assert.deepEqual([config.capacity, config.dockerConfig.allowPrivileged], [4, true]);
    assert.deepEqual([config.shutdown.enabled, config.shutdown.afterIdleSeconds], [true, 3600]);
    assert.equal(config.logging.secureLiveLogging, false);
  });

  it("merges the pool's secret and writes its files", async () => {
    manager.secrets.set('worker-type:terraform-packet/gecko-t-linux', {
      config: {
        capacity: 9,
        logging: { secureLiveLogging: true },
        workerTypeMetadata: { hidden: 'it is of a secret' },
      },
      files: [{ path: '/etc/key' }],
    });
    const values = await (await host([{ status: 200, body: METADATA }])).configure();
    const { config } = await load({ host: { name: 'host packet', values }, env: {} });
    assert.deepEqual([config.capacity, config.logging.secureLiveLogging], [9, true]);
    assert.equal(config.workerTypeMetadata, undefined);
    assert.deepEqual(manager.calls, ['secret worker-type:terraform-packet/gecko-t-linux project/releng/packet']);
    assert.deepEqual([placed, problems], [[{ path: '/etc/key' }], []]);
  });

  it('goes on without a secret that it may not read', async () => {
    manager.failures = [new ServiceError('taskcluster', 'secrets.get failed: HTTP 403: no', 403)];
    const values = await (await host([{ status: 200, body: METADATA }])).configure();
    assert.equal(values['capacity'], 4);
    assert.match(problems.join(), /^continuing without the secret worker-type:terraform-packet\/gecko-t-linux: .*403/);
  });

  it('works without user data', async () => {
    const values = await (await host([{ status: 200, body: METADATA }], folder.path('none'))).configure();
    assert.equal(values['taskcluster'], undefined);
    assert.equal(values['region'], 'sjc1');
  });

  it('never gives notice and powers off at the end', async () => {
    const packet = await host([]);
    await packet.terminationNotices();
    assert.equal(await packet.uptimeSeconds(), 9);
    await packet.shutdown();
    assert.deepEqual(endings, ['power off']);
  });

  for (const [what, answer] of [
    ['missing', { status: 404, body: '' }],
    ['down', { status: 500, body: '' }],
    ['no JSON', { status: 200, body: '{' }],
    ['no map', { status: 200, body: '[]' }],
  ] as const) {
    it(`fails with a message when the metadata are ${what}`, async () => {
      await assert.rejects(
        (await host([answer])).configure(),
        /host packet: the metadata at http:.* (cannot be read|is not a map)/,
      );
    });
  }

  it('leaves invalid values to the configuration check', () => {
    assert.deepEqual(parsePacketUserData('#capacity=many\n# allowPrivileged=perhaps\n#other=1\ncapacity=3'), {
      capacity: 'many',
      dockerConfig: { allowPrivileged: 'perhaps' },
    });
  });
});
