import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import type { KeyObject } from 'node:crypto';
import { chmod, chown, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gunzipSync } from 'node:zlib';
import { getPublicKeyAsync, utils, verifyAsync } from '@noble/ed25519';
import { chainOfTrust } from '../../../src/lib/features/chain-of-trust/chain-of-trust.js';
import { readSigningKey, tightening } from '../../../src/lib/features/chain-of-trust/signing-key.js';
import type { TaskFeature } from '../../../src/lib/task/feature.js';
import type { ImageIdentity } from '../../../src/lib/images/image-provider.js';
import { TaskError } from '../../../src/lib/outcome/errors.js';
import { exception } from '../../../src/lib/outcome/resolution.js';
import type { Resolution } from '../../../src/lib/outcome/resolution.js';
import type { TaskContext } from '../../../src/lib/task/task-context.js';
import { ResourceStack } from '../../../src/lib/util/resource-stack.js';
import { ArtifactBench, EXPIRES } from '../../fakes/artifact-bench.js';
import { MemoryLogger } from '../../fakes/memory-logger.js';
import { assertLost, prepareAgain } from '../../support/adoption.js';
import { skipBecause } from '../../support/skip-because.js';
import { IMAGE } from '../task/task-fixture.js';

const NAMES = ['public/logs/certified.log', 'public/chain-of-trust.json', 'public/chain-of-trust.json.sig'];
const [LOG = '', STATEMENT = '', SIGNATURE = ''] = NAMES;
const COMPLETED: Resolution = { kind: 'completed' };
const RAN_IN: ImageIdentity = { image: IMAGE, artifactHash: undefined };
const never = new AbortController().signal;
const text = (base64: Uint8Array): string => Buffer.from(base64).toString('base64');

let directory: string;
let keyPath: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'chain-of-trust-'));
  keyPath = join(directory, 'key');
});
afterEach(() => rm(directory, { recursive: true }));

const writeKey = async (content: string, mode = 0o600): Promise<void> => {
  await rm(keyPath, { force: true, recursive: true });
  await writeFile(keyPath, content);
  await chmod(keyPath, mode);
};

describe('the signing key of chain of trust', () => {
  const seed = utils.randomSecretKey();
  const read = (): Promise<KeyObject> => readSigningKey(keyPath, tightening(new MemoryLogger()));

  it('may be its seed, or seed and public key, on one or several lines', async () => {
    const both = text(Buffer.concat([seed, await getPublicKeyAsync(seed)]));
    for (const content of [text(seed), `${text(seed)}\n`, both, `${both.slice(0, 76)}\r\n${both.slice(76)}\n`]) {
      await writeKey(content);
      const { x } = (await read()).export({ format: 'jwk' });
      assert.equal(x, Buffer.from(await getPublicKeyAsync(seed)).toString('base64url'), content);
    }
    await writeKey(text(seed), 0o400);
    await read();
  });

  it('is compatible: a seed of RFC 8032 has the public key that is printed there', async () => {
    const hex = '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60';
    await writeKey(Buffer.from(hex, 'hex').toString('base64'));
    const { x = '' } = (await read()).export({ format: 'jwk' });
    assert.equal(
      Buffer.from(x, 'base64url').toString('hex'),
      'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    );
  });

  it('is refused with a message that names the file but does not quote it', async () => {
    const wrongHalf = text(Buffer.concat([seed, await getPublicKeyAsync(utils.randomSecretKey())]));
    const contents: Readonly<Record<string, string>> = {
      'its public half does not match its seed': wrongHalf,
      'expected base64 of 32 bytes': text(seed.subarray(1)),
      'or of 64': `${text(seed)}~`,
      'holds no signing key': '',
      'is too long for a key (5000 bytes)': 'A'.repeat(5000),
    };
    for (const [words, content] of Object.entries(contents)) {
      await writeKey(content);
      await assert.rejects(read(), ({ message }: Error) => {
        assert.ok(message.startsWith(keyPath) && message.includes(words), message);
        assert.ok(content === '' || !message.includes(content.slice(0, 10)), message);
        return true;
      });
    }
  });

  it('is not changed if the file is not a key', async () => {
    await writeKey('127.0.0.1 localhost\n', 0o644);
    await assert.rejects(read(), /holds no signing key/);
    assert.equal((await stat(keyPath)).mode & 0o777, 0o644);
  });

  for (const mode of [0o640, 0o604, 0o620, 0o755]) {
    it(`is made private if it is the worker's own with mode 0${mode.toString(8)}, which is logged once`, async () => {
      await writeKey(text(seed), mode);
      const log = new MemoryLogger();
      await readSigningKey(keyPath, tightening(log));
      await readSigningKey(keyPath, tightening(log));
      assert.equal((await stat(keyPath)).mode & 0o777, mode & 0o700);
      assert.deepEqual(log.records, [
        {
          level: 'warn',
          event: 'signing key permissions tightened',
          fields: { path: keyPath, mode: `0${mode.toString(8)}` },
        },
      ]);
    });
  }

  it("is refused when it is another user's and accessible to others", async function () {
    if (process.getuid?.() !== 0) skipBecause(this, 'only root can give a file away');
    await writeKey(text(seed), 0o640);
    await chown(keyPath, 4242, 4242);
    const words = `${keyPath} can be used by others (mode 0640); only its owner may have access (0600)`;
    await assert.rejects(read(), { name: 'SigningKeyError', message: words });
    assert.equal((await stat(keyPath)).mode & 0o777, 0o640);
  });

  it('is refused when it is not a regular file', async () => {
    await assert.rejects(read(), /cannot be read: ENOENT/);
    await mkdir(keyPath);
    await assert.rejects(read(), { message: `${keyPath} is not a regular file` });
    await rm(keyPath, { recursive: true });
    execFileSync('mkfifo', ['-m', '600', keyPath]);
    await assert.rejects(read(), { message: `${keyPath} is not a regular file` });
  });
});

describe('the chainOfTrust feature', () => {
  const seed = utils.randomSecretKey();
  let bench: ArtifactBench;
  let task: TaskContext;
  let hooks: TaskFeature;
  beforeEach(async () => {
    bench = await ArtifactBench.start({ concurrency: 2, manifest: false });
    await writeKey(text(seed));
    task = bench.task({ env: { A: 'a' } });
    hooks = chainOfTrust({ keyPath }).attach(task);
    await writeFile(`${bench.tempDir}/log`, 'line\n'.repeat(1000));
  });
  afterEach(async () => {
    await rm(`${bench.tempDir}/log`);
    await bench.stop();
  });

  const prepare = (): unknown => hooks.prepare?.(new ResourceStack(() => assert.fail()), never);
  const published = (): readonly string[] => NAMES.filter((name) => bench.objects.objects.has(name));
  const upload = (name: string, content: string): Promise<void> => {
    const source = Readable.from([Buffer.from(content)], { objectMode: false });
    const artifact = { name, contentType: 'text/plain', contentEncoding: 'gzip', expires: EXPIRES } as const;
    return bench.store.upload(artifact, source, never);
  };

  it('is off unless a task requests it, and reserves its names', () => {
    const feature = chainOfTrust({ keyPath });
    assert.equal(feature.enabledByDefault, false);
    assert.deepEqual(feature.reservedArtifacts(task), NAMES);
  });

  it('publishes a statement about task, artifacts and image, with a verifiable signature', async () => {
    await upload('public/made', 'content\n'.repeat(100));
    await upload('__proto__', 'content');
    assert.deepEqual(await prepare(), {});
    await hooks.finish?.(COMPLETED, never, { image: IMAGE, artifactHash: `sha256:${'2'.repeat(64)}` });
    const bytes = bench.objects.content(STATEMENT);
    const signature = bench.objects.content(SIGNATURE);
    assert.equal(signature.length, 64);
    assert.ok(await verifyAsync(signature, bytes, await getPublicKeyAsync(seed)));
    const statement = JSON.parse(bytes.toString()) as Readonly<Record<string, unknown>>;
    assert.equal(bytes.toString(), JSON.stringify(statement, null, 2));
    const artifacts = statement['artifacts'] as Readonly<Record<string, { readonly sha256: string }>>;
    assert.deepEqual(Object.keys(artifacts).sort(), ['__proto__', 'public/logs/certified.log', 'public/made']);
    assert.deepEqual(
      { ...statement, artifacts: undefined },
      {
        chainOfTrustVersion: 1,
        artifacts: undefined,
        task: task.definition,
        taskId: 'fN1SbArXTPSVFNUvaOlinQ',
        runId: 0,
        workerGroup: 'group',
        workerId: 'worker',
        environment: {
          publicIpAddress: '192.0.2.1',
          privateIpAddress: '10.0.0.1',
          imageHash: IMAGE.id,
          imageArtifactHash: `sha256:${'2'.repeat(64)}`,
          instanceId: 'an-instance-id',
          instanceType: 'instance',
          region: 'a-region',
        },
      },
    );
    const types = NAMES.map((name) =>
      bench.queue.requestsFor(name).map((request) => ({ ...request, contentLength: undefined })),
    );
    const request = { storageType: 's3', contentLength: undefined, expires: EXPIRES };
    assert.deepEqual(types, [
      [{ ...request, contentType: 'text/plain' }],
      [{ ...request, contentType: 'text/plain' }],
      [{ ...request, contentType: 'application/octet-stream' }],
    ]);
    assert.equal(bench.objects.objects.get(LOG)?.headers['content-encoding'], 'gzip');
    assert.equal(
      gunzipSync(bench.objects.objects.get(LOG)?.body ?? '').toString(),
      await readFile(`${bench.tempDir}/log`, 'utf8'),
    );
  });

  it('omits facts that an image of a registry lacks', async () => {
    await prepare();
    await hooks.finish?.({ kind: 'failed' }, never, RAN_IN);
    const { environment } = JSON.parse(bench.objects.content(STATEMENT).toString()) as { environment: object };
    assert.ok(!('imageArtifactHash' in environment));
  });

  it('signs only completed and failed tasks', async () => {
    await prepare();
    for (const reason of ['worker-shutdown', 'internal-error', 'intermittent-task', 'malformed-payload'] as const) {
      await hooks.finish?.(exception(reason), never, RAN_IN);
    }
    await hooks.finish?.(COMPLETED, never, undefined);
    assert.deepEqual(published(), []);
    await hooks.finish?.({ kind: 'failed' }, never, RAN_IN);
    assert.deepEqual(published(), NAMES);
  });

  it('signs with the key from the start of the run', async () => {
    await prepare();
    await rm(keyPath);
    await hooks.finish?.(COMPLETED, never, RAN_IN);
    const [bytes, signature] = [bench.objects.content(STATEMENT), bench.objects.content(SIGNATURE)];
    assert.ok(await verifyAsync(signature, bytes, await getPublicKeyAsync(seed)));
  });

  it('signs for a run whose worker died, or leaves it to another worker without the key', async () => {
    const adopted = () => chainOfTrust({ keyPath }).adopt?.(task, {});
    const resources = new ResourceStack(() => assert.fail());
    const again = adopted();
    await prepareAgain(again, resources);
    await again?.finish?.(COMPLETED, never, RAN_IN);
    assert.deepEqual(published(), NAMES);
    await rm(keyPath);
    await assertLost(prepareAgain(adopted(), resources), bench.log, { what: 'signing key', reason: /cannot be used/ });
  });

  it('ends a task before it starts when the key is unusable, and says whose fault it is', async () => {
    await writeKey('no key');
    await assert.rejects(
      async () => {
        await prepare();
      },
      (error) => {
        assert.ok(error instanceof TaskError);
        assert.deepEqual(error.resolution, exception('internal-error'));
        assert.match(error.message, /^the worker's signing key cannot be used\. The operator/);
        return true;
      },
    );
    const [{ level, fields } = assert.fail()] = bench.log.of('chain of trust key not usable');
    assert.equal(level, 'error');
    assert.match((fields['error'] as Error).message, /holds no signing key/);
    await hooks.finish?.(exception('internal-error'), never, undefined);
    assert.deepEqual(published(), []);
  });
});
