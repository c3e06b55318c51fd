import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { getPublicKeyAsync, utils, verifyAsync } from '@noble/ed25519';
import got from 'got';
import { load } from 'js-yaml';
import { TEST_IMAGE, shell } from '../../support/test-task.js';
import { publishedTask } from '../../support/published-task.js';
import { WorkerHarness } from '../../support/worker-harness.js';
import type { HarnessOptions } from '../../support/worker-harness.js';

const NAMES = ['public/chain-of-trust.json', 'public/chain-of-trust.json.sig', 'public/logs/certified.log'];
const FEATURES = { features: { chainOfTrust: true } };

interface Statement {
  readonly artifacts: Readonly<Record<string, { readonly sha256: string }>>;
  readonly task: unknown;
  readonly environment: Readonly<Record<string, string>>;
  readonly [key: string]: unknown;
}

const sha256 = (content: Buffer): string => createHash('sha256').update(content).digest('hex');

describe('a task with chainOfTrust', () => {
  const seed = utils.randomSecretKey();
  let harness: WorkerHarness;
  let directory: string;
  let keyPath: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'chain-of-trust-'));
    keyPath = join(directory, 'key');
    await writeFile(keyPath, Buffer.from(seed).toString('base64'), { mode: 0o600 });
  });
  afterEach(async () => {
    await harness.close();
    await rm(directory, { recursive: true });
  });

  const start = async ({ settings = {} }: HarnessOptions = {}): Promise<void> => {
    harness = await WorkerHarness.start({ settings: { ed25519SigningKeyLocation: keyPath, ...settings } });
  };
  const content = async (taskId: string, name: string): Promise<Buffer> =>
    await got(harness.queue.buildSignedUrl(harness.queue.getArtifact, taskId, 0, name)).buffer();
  const certificates = async (taskId: string): Promise<readonly string[]> =>
    (await harness.artifactNames(taskId)).filter((name) => NAMES.includes(name));

  /** The signed statement; checks its signature and the hashes of all artifacts with content. */
  const verified = async (taskId: string): Promise<Statement> => {
    const [bytes, signature] = [await content(taskId, NAMES[0] ?? ''), await content(taskId, NAMES[1] ?? '')];
    assert.ok(await verifyAsync(signature, bytes, await getPublicKeyAsync(seed)), 'the signature is wrong');
    const statement = JSON.parse(bytes.toString()) as Statement;
    const { artifacts } = await harness.queue.listArtifacts(taskId, 0);
    const stored = artifacts.filter(({ storageType }) => storageType === 's3').map(({ name }) => name);
    const expected = stored.filter((name) => !NAMES.slice(0, 2).includes(name)).sort();
    assert.deepEqual(Object.keys(statement.artifacts).sort(), expected);
    for (const [name, { sha256: hash }] of Object.entries(statement.artifacts)) {
      assert.equal(sha256(await content(taskId, name)), hash, name);
    }
    return statement;
  };
  const imageId = async (): Promise<string> => (await harness.docker.getImage(TEST_IMAGE).inspect()).Id;

  it('publishes a signed statement of its definition, environment and artifacts', async () => {
    await start({ settings: { publicIp: '192.0.2.7', privateIp: '10.1.2.3', instanceId: 'i-1', region: 'here' } });
    const { taskId, run, log } = await harness.run(
      {
        ...shell('mkdir /dir; seq 100000 > /dir/big; echo x > /dir/small; echo y > /file'),
        artifacts: {
          'public/dir': { type: 'directory', path: '/dir' },
          'public/file': { type: 'file', path: '/file' },
          'public/missing': { type: 'file', path: '/missing', optional: true },
        },
        features: { chainOfTrust: true, bulkLog: true },
      },
      { extra: { nested: [1.5, null, 'ü'] } },
    );
    assert.equal(run.state, 'completed', log);
    const { task, artifacts, environment, ...others } = await verified(taskId);
    assert.deepEqual(task, await harness.queue.task(taskId));
    assert.deepEqual(Object.keys(artifacts).sort(), [
      'public/dir/big',
      'public/dir/small',
      'public/file',
      'public/logs/certified.log',
      'public/logs/live_backing.log',
      'public/logs/terminal_bulk.log.gz',
    ]);
    const { workerId } = harness;
    assert.deepEqual(others, { chainOfTrustVersion: 1, taskId, runId: 0, workerGroup: 'local', workerId });
    assert.deepEqual(environment, {
      publicIpAddress: '192.0.2.7',
      privateIpAddress: '10.1.2.3',
      imageHash: await imageId(),
      instanceId: 'i-1',
      instanceType: 'standalone',
      region: 'here',
    });
    assert.equal((await content(taskId, 'public/logs/certified.log')).toString(), log);
    const { artifacts: listed } = await harness.queue.listArtifacts(taskId, 0);
    const { expires } = await harness.queue.task(taskId);
    const [json, signature, certified] = NAMES.map((name) => listed.find((artifact) => artifact.name === name));
    for (const artifact of [json, signature, certified]) assert.equal(artifact?.expires, expires);
    assert.deepEqual(
      [json, signature, certified].map((artifact) => artifact?.contentType),
      ['text/plain', 'application/octet-stream', 'text/plain'],
    );
  });

  it('is signed even when it fails, but not when it cannot start, is retried, canceled or stopped', async () => {
    await start();
    const failed = await harness.run({ ...shell('exit 3'), ...FEATURES });
    assert.equal(failed.run.state, 'failed');
    await verified(failed.taskId);
    const late = await harness.run({ ...shell('sleep 60'), ...FEATURES, maxRunTime: 1 });
    assert.equal(late.run.state, 'failed');
    await verified(late.taskId);
    const absent = await harness.run({ command: ['/no-such-program'], ...FEATURES });
    assert.equal(absent.run.state, 'failed');
    const again = await harness.run({ ...shell('exit 7'), ...FEATURES, onExitStatus: { retry: [7] } }, { retries: 0 });
    assert.equal(again.run.reasonResolved, 'intermittent-task');
    const canceled = await harness.create({ ...shell('echo up; sleep 60'), ...FEATURES });
    await harness.sees(canceled, 'up');
    await harness.queue.cancelTask(canceled);
    await harness.finish(canceled);
    const stopped = await harness.create({ ...shell('echo up; sleep 60'), ...FEATURES });
    await harness.sees(stopped, 'up');
    await harness.stopWorker('immediate');
    for (const taskId of [absent.taskId, again.taskId, canceled, stopped]) {
      assert.deepEqual(await certificates(taskId), []);
    }
  });

  it('states the hash of the artifact with its image, even when the image was already loaded', async () => {
    await start();
    const packed = gzipSync(await buffer(await harness.docker.getImage(TEST_IMAGE).get()), { level: 1 });
    const path = 'public/image.tar.gz';
    const imageTask = await publishedTask(harness.queue, { [path]: { content: packed } });
    const payload = { image: { type: 'task-image', taskId: imageTask, path }, ...FEATURES };
    try {
      const first = await harness.run(payload);
      const second = await harness.run(payload);
      assert.doesNotMatch(second.log, /Loading the image/);
      for (const { taskId } of [first, second]) {
        const { environment } = await verified(taskId);
        assert.equal(environment['imageArtifactHash'], `sha256:${sha256(packed)}`);
        assert.equal(environment['imageHash'], await imageId());
      }
    } finally {
      const name = createHash('md5')
        .update(imageTask + path)
        .digest('hex');
      await harness.removeImage(`${name}:latest`);
    }
  });

  it('is an internal error before it starts when the worker has no key; other tasks run', async () => {
    await rm(keyPath);
    await start();
    const [{ level, fields } = assert.fail('nothing at the start')] = harness.log.of('chain of trust key not usable');
    assert.equal(level, 'warn');
    assert.match((fields['error'] as Error).message, new RegExp(`^${keyPath} cannot be read: ENOENT`));
    const run = async (): Promise<string> => {
      const { taskId, run: ended, log } = await harness.run({ ...shell('echo began'), ...FEATURES });
      assert.equal(ended.reasonResolved, 'internal-error', log);
      assert.match(log, /chainOfTrust: the worker's signing key cannot be used\. The operator of this worker must/);
      assert.doesNotMatch(log, /\nbegan/);
      assert.deepEqual(await certificates(taskId), []);
      const { fields: told } = harness.log.of('chain of trust key not usable').at(-1) ?? assert.fail();
      assert.equal(told['taskId'], taskId);
      return (told['error'] as Error).message;
    };
    assert.match(await run(), /ENOENT/);
    await writeFile(keyPath, 'no base64', { mode: 0o644 });
    assert.match(await run(), /expected base64 of 32 bytes/);
    assert.equal((await harness.run(shell('true'))).run.state, 'completed');
    await writeFile(keyPath, await readFile('test/keys/chain-of-trust.key'));
    const { run: ended, taskId } = await harness.run({ ...shell('true'), ...FEATURES });
    assert.equal(ended.state, 'completed');
    assert.deepEqual(await certificates(taskId), NAMES);
  });

  it('is refused when the feature is disabled, and when an artifact takes a reserved name', async () => {
    await start();
    const artifacts = { 'public/chain-of-trust.json': { type: 'file', path: '/etc/passwd' } };
    const forged = await harness.run({ ...shell('true'), ...FEATURES, artifacts });
    assert.equal(forged.run.reasonResolved, 'malformed-payload');
    assert.match(forged.log, /"public\/chain-of-trust\.json" is published by the worker itself \(chainOfTrust\)/);
    await harness.close();
    await start({ settings: { features: { chainOfTrust: { enabled: false } }, ed25519SigningKeyLocation: '/none' } });
    const { run, log } = await harness.run({ ...shell('true'), ...FEATURES });
    assert.equal(run.reasonResolved, 'malformed-payload');
    assert.match(log, /chainOfTrust is not enabled on this worker/);
    assert.deepEqual(harness.log.of('chain of trust key not usable'), []);
  });

  it('runs the example with the key of a local worker', async () => {
    harness = await WorkerHarness.start();
    const example = load(await readFile('examples/chain-of-trust.yml', 'utf8')) as object;
    const { taskId, run, log } = await harness.run(example);
    assert.equal(run.state, 'completed', log);
    assert.deepEqual(await certificates(taskId), NAMES);
    assert.equal((await content(taskId, 'public/chain-of-trust.json.sig')).length, 64);
  });
});
