import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { got } from 'got';
import { CuttingEngine } from '../../support/cutting-engine.js';
import { shell } from '../../support/test-task.js';
import { WorkerHarness } from '../../support/worker-harness.js';

const MiB = 1024 ** 2;

describe('artifacts under adverse conditions', function () {
  this.timeout(120_000);
  let harness: WorkerHarness;
  before(async () => {
    harness = await WorkerHarness.start({ settings: { capacity: 4, artifacts: { maxFileBytes: 64 * MiB } } });
  });
  after(() => harness.close());

  /** The storage types of the artifacts by name, except those of logs. */
  const kindsOf = async (taskId: string): Promise<Readonly<Record<string, string>>> => {
    const { artifacts } = await harness.queue.listArtifacts(taskId, 0);
    const own = artifacts.filter(({ name }) => !name.startsWith('public/logs/'));
    return Object.fromEntries(own.map(({ name, storageType }) => [name, storageType]));
  };
  const reasonOf = async (taskId: string, name: string): Promise<unknown> => {
    const url = harness.queue.buildSignedUrl(harness.queue.getArtifact, taskId, 0, name);
    const { statusCode, body } = await got(url, { throwHttpErrors: false, responseType: 'json' });
    assert.equal(statusCode, 424);
    return (body as { readonly reason: unknown }).reason;
  };

  it('wait while a proxy answers 502 for the queue, and the log says so once', async () => {
    const taskId = await harness.create({
      ...shell('mkdir /d; for n in 1 2 3 4 5; do echo $n >/d/$n; done'),
      artifacts: { 'public/d': { type: 'directory', path: '/d' } },
    });
    const rule = harness.taskcluster.faults.add({
      call: 'queue.createArtifact',
      fault: { kind: 'status', status: 502 },
      times: Infinity,
      where: { taskId, name: 'public/d/*' },
    });
    await rule.hit(12);
    rule.remove();
    const { run, log } = await harness.finish(taskId);
    assert.equal(run.state, 'completed', log);
    assert.deepEqual(
      Object.keys(await kindsOf(taskId)).sort(),
      ['1', '2', '3', '4', '5'].map((n) => `public/d/${n}`),
    );
    assert.equal(
      log.match(/Uploads wait: queue\.createArtifact failed: HTTP 502: [^\r\n]*\. The worker/g)?.length,
      1,
      log,
    );
    assert.equal(log.match(/Uploads resumed after \d+ s\./g)?.length, 1, log);
    assert.doesNotMatch(log, /refused/);
  });

  it('are abandoned when the task is canceled', async () => {
    const taskId = await harness.create({ ...shell('echo x >/x'), artifacts: { x: { type: 'file', path: '/x' } } });
    const fault = { kind: 'status', status: 502 } as const;
    const rule = harness.taskcluster.faults.add({
      call: 'queue.createArtifact',
      fault,
      times: Infinity,
      where: { taskId, name: 'x' },
    });
    await rule.hit(2);
    await harness.queue.cancelTask(taskId);
    await harness.log.next('task resolved', taskId);
    rule.remove();
    assert.deepEqual(await kindsOf(taskId), {});
  });

  it('are replaced by errors when they are huge sparse files; the files beside them are published', async () => {
    const { taskId, run, log } = await harness.run({
      ...shell(`mkdir /d; echo a >/d/a; truncate -s 1024G /d/huge; truncate -s 65M /d/large; echo b >/d/z; ls -i /d
                echo v >/v/small; truncate -s 1024G /v/huge; truncate -s 63M /v/zeros`),
      artifacts: {
        file: { type: 'file', path: '/d/huge' },
        d: { type: 'directory', path: '/d' },
        v: { type: 'volume', path: '/v' },
      },
    });
    assert.equal(run.state, 'failed', log);
    const kinds = await kindsOf(taskId);
    assert.deepEqual([kinds['file'], kinds['d/huge'], kinds['v/huge']], ['error', 'error', 'error']);
    assert.deepEqual([kinds['v/small'], kinds['v/zeros']], ['s3', 's3']);
    for (const name of ['file', 'd/huge', 'v/huge']) {
      assert.equal(await reasonOf(taskId, name), 'too-large-file-on-worker');
    }
    assert.match(log, /Artifact "file" is too large: 1\.1 TB, more than the 67\.1 MB that this worker accepts/);
    assert.match(log, /Artifact "d": files after "d\/huge" in the directory were not read/);
    assert.match(
      log,
      /Artifact "v": not uploaded because they are larger than this worker accepts \(67\.1 MB\): "huge"/,
    );
  });

  it('are published under names of the maximum length, and logged when their names are longer', async () => {
    const [part, rest] = ['n'.repeat(250), 'm'.repeat(1024 - 'd/'.length - 4 * 251)];
    const longest = `${`${part}/`.repeat(4)}${rest}`;
    const { taskId, run, log } = await harness.run({
      ...shell(`mkdir -p /d/${part}/${part}/${part}/${part}; echo x >/d/${longest}; echo y >/d/${longest}y; mkdir /v/e
                mkdir -p /v/${part}/${part}/${part}/${part}; echo x >/v/${longest}; echo y >/v/${longest}y`),
      artifacts: {
        d: { type: 'directory', path: '/d' },
        v: { type: 'volume', path: '/v' },
        ['x'.repeat(1025)]: { type: 'file', path: `/d/${longest}` },
      },
    });
    assert.equal(run.state, 'completed', log);
    assert.deepEqual(Object.keys(await kindsOf(taskId)).sort(), [`d/${longest}`, `v/${longest}`]);
    assert.equal(log.match(/may hold up to 1024 printable ASCII characters/g)?.length, 3, log);
  });

  it('are refused when the name of the log is too long for its backing log', async () => {
    const { run, log } = await harness.run({ log: `${'x'.repeat(1013)}.log` });
    assert.equal(run.reasonResolved, 'malformed-payload');
    assert.match(log, /data\/log should not have .* or more than 1016 characters/);
  });
});

describe('an archive of artifacts that breaks off', function () {
  this.timeout(120_000);
  let directory: string;
  let engine: CuttingEngine;
  let harness: WorkerHarness;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'cutting-engine-'));
    engine = await CuttingEngine.start(directory, 4, 3_000_000);
    harness = await WorkerHarness.start({ settings: { docker: { socketPath: engine.socketPath } } });
  });
  after(async () => {
    await harness.close();
    await engine.close();
    await rm(directory, { recursive: true });
  });

  it('is read again, and no file is missing, published twice or truncated', async () => {
    const { taskId, run, log } = await harness.run({
      ...shell(`mkdir /d; echo a >/d/a; head -c 5000000 /dev/urandom >/d/noise; echo z >/d/z; sha256sum /d/noise
                cp /d/noise /noise`),
      artifacts: { d: { type: 'directory', path: '/d' }, noise: { type: 'file', path: '/noise' } },
    });
    assert.equal(run.state, 'completed', log);
    assert.equal(engine.cuts, 4);
    const [, sum] = /([0-9a-f]{64}) {2}\/d\/noise/.exec(log) ?? [];
    for (const name of ['d/noise', 'noise']) {
      const url = harness.queue.buildSignedUrl(harness.queue.getArtifact, taskId, 0, name);
      assert.equal(hash('sha256', await got(url).buffer()), sum);
    }
    const created = harness.taskcluster.calls
      .list()
      .filter(({ call }) => call === 'queue.createArtifact')
      .map(({ params }) => params['name'] ?? '')
      .filter((name) => !name.startsWith('public/logs/'));
    assert.deepEqual(created.sort(), ['d/a', 'd/noise', 'd/z', 'noise']);
  });
});
