import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { open, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import type { ArtifactContent } from '../../../src/lib/artifacts/artifact-store.js';
import { ArtifactBench, EXPIRES } from '../../fakes/artifact-bench.js';
import { faults } from '../../fakes/fake-object-store.js';
import { outage } from '../../fakes/fake-queue.js';
import { ServiceError } from '../../../src/lib/outcome/service-error.js';

const MiB = 1024 * 1024;
const sha256 = (content: string | Buffer): string => createHash('sha256').update(content).digest('hex');
const never = new AbortController().signal;

describe('ArtifactStore', () => {
  let bench: ArtifactBench;

  beforeEach(async () => {
    bench = await ArtifactBench.start({ concurrency: 4 });
  });
  afterEach(() => bench.stop());

  const artifact = (changes: Partial<ArtifactContent> = {}): ArtifactContent => ({
    name: 'public/a.txt',
    contentType: 'text/plain',
    contentEncoding: 'gzip',
    expires: EXPIRES,
    ...changes,
  });
  const upload = (content: string | Buffer, changes: Partial<ArtifactContent> = {}, signal = never) =>
    bench.store.upload(artifact(changes), Readable.from([content]), signal);

  it('stores content compressed, with the headers its readers need', async () => {
    await upload('hello '.repeat(1000));
    // The length is that before compression.
    assert.deepEqual(bench.queue.requestsFor('public/a.txt'), [
      { storageType: 's3', contentType: 'text/plain', contentLength: 6000, expires: EXPIRES },
    ]);
    const stored = bench.objects.objects.get('public/a.txt');
    assert.ok(stored);
    assert.equal(stored.headers['content-type'], 'text/plain');
    assert.equal(stored.headers['content-encoding'], 'gzip');
    assert.equal(stored.headers['content-length'], String(stored.body.length));
    assert.equal(bench.objects.text('public/a.txt'), 'hello '.repeat(1000));
    assert.ok(stored.body.length < 200);
  });

  it('stores content uncompressed on request', async () => {
    await upload('PNG', { contentEncoding: 'identity' });
    const stored = bench.objects.objects.get('public/a.txt');
    assert.ok(stored);
    assert.equal(stored.headers['content-encoding'], undefined);
    assert.equal(stored.body.toString(), 'PNG');
  });

  for (const contentEncoding of ['gzip', 'identity'] as const) {
    it(`stores empty content (${contentEncoding})`, async () => {
      const filePath = path.join(bench.tempDir, 'empty');
      await writeFile(filePath, '');
      await bench.store.upload(artifact({ contentEncoding }), Readable.from([]), never);
      await bench.store.upload(artifact({ contentEncoding, name: 'file' }), { filePath }, never);
      await rm(filePath);
      assert.equal(bench.objects.text('public/a.txt'), '');
      assert.equal(bench.objects.text('file'), '');
    });
  }

  it('remembers the hash of the uncompressed content of stored artifacts only', async () => {
    bench.objects.faults.push(faults.status(404));
    await assert.rejects(upload('lost', { name: 'lost' }));
    await upload('one', { name: 'one' });
    await upload('two', { name: 'two', contentEncoding: 'identity' });
    assert.deepEqual(Object.fromEntries(bench.store.manifest), {
      one: { sha256: sha256('one') },
      two: { sha256: sha256('two') },
    });
  });

  it('hashes nothing unless requested', async () => {
    await bench.stop();
    bench = await ArtifactBench.start({ concurrency: 4, manifest: false });
    const filePath = path.join(bench.tempDir, 'source');
    const noise = randomBytes(2 * MiB);
    await writeFile(filePath, noise);
    const sources = {
      small: Buffer.from('small'),
      stream: Readable.from([noise]),
      sized: { stream: Readable.from([noise]), size: noise.length },
      file: { filePath },
    };
    for (const [name, source] of Object.entries(sources)) {
      await bench.store.upload(artifact({ name, contentEncoding: 'auto' }), source, never);
      assert.ok(bench.objects.content(name).equals(name === 'small' ? sources.small : noise), name);
      assert.ok(bench.store.hasUploaded(name));
    }
    assert.ok(!bench.store.hasUploaded('other'));
    assert.equal(bench.store.manifest.size, 0);
    await rm(filePath);
  });

  for (const contentEncoding of ['gzip', 'identity'] as const) {
    it(`sends large content from disk, repeatedly if necessary (${contentEncoding})`, async () => {
      const bytes = randomBytes(3 * MiB);
      bench.objects.faults.push(faults.resetMidBody, faults.status(503));
      await upload(bytes, { contentEncoding });
      assert.ok(bytes.equals(bench.objects.content('public/a.txt')));
      assert.equal(bench.store.manifest.get('public/a.txt')?.sha256, sha256(bytes));
    });

    it(`sends files from where they are (${contentEncoding})`, async () => {
      const filePath = path.join(bench.tempDir, 'source');
      const bytes = randomBytes(2 * MiB);
      await writeFile(filePath, bytes);
      bench.objects.faults.push(faults.reset);
      await bench.store.upload(artifact({ contentEncoding }), { filePath }, never);
      assert.deepEqual(await readdir(bench.tempDir), ['source']);
      await rm(filePath);
      assert.ok(bytes.equals(bench.objects.content('public/a.txt')));
      assert.equal(bench.store.manifest.get('public/a.txt')?.sha256, sha256(bytes));
    });
  }

  it('chooses the encoding by content for a file on disk too', async () => {
    const filePath = path.join(bench.tempDir, 'source');
    for (const [name, content, encoding] of [
      ['noise', randomBytes(2 * MiB), undefined],
      ['text', Buffer.alloc(2 * MiB, 'text'), 'gzip'],
    ] as const) {
      await writeFile(filePath, content);
      await bench.store.upload(artifact({ name, contentEncoding: 'auto' }), { filePath }, never);
      assert.equal(bench.objects.objects.get(name)?.headers['content-encoding'], encoding);
      assert.ok(content.equals(bench.objects.content(name)));
      assert.equal(bench.store.manifest.get(name)?.sha256, sha256(content));
    }
    await rm(filePath);
  });

  it('sends an open file, repeatedly if necessary', async () => {
    const filePath = path.join(bench.tempDir, 'source');
    await writeFile(filePath, randomBytes(2 * MiB));
    const handle = await open(filePath);
    bench.objects.faults.push(faults.resetMidBody);
    await bench.store.upload(artifact({ contentEncoding: 'auto' }), { handle }, never);
    await handle.close();
    assert.equal(bench.store.manifest.get('public/a.txt')?.sha256, sha256(bench.objects.content('public/a.txt')));
    await rm(filePath);
  });

  it('compresses a kept file once for several artifacts', async () => {
    const filePath = path.join(bench.tempDir, 'log');
    await writeFile(filePath, randomBytes(2 * MiB));
    await Promise.all([
      bench.store.upload(artifact({ name: 'one' }), { filePath, keep: true }, never),
      bench.store.upload(artifact({ name: 'two' }), { filePath, keep: true }, never),
    ]);
    await rm(filePath);
    await bench.store.upload(artifact({ name: 'three' }), { filePath, keep: true }, never);
    assert.equal((await readdir(bench.tempDir)).length, 1);
    const stored = ['one', 'two', 'three'].map((name) => bench.objects.objects.get(name)?.body.toString('base64'));
    assert.equal(new Set(stored).size, 1);
  });

  it('never reads a file through a link', async () => {
    const filePath = path.join(bench.tempDir, 'link');
    await symlink('/etc/passwd', filePath);
    for (const contentEncoding of ['gzip', 'identity'] as const) {
      await assert.rejects(bench.store.upload(artifact({ contentEncoding }), { filePath }, never), { code: 'ELOOP' });
    }
    await rm(filePath);
    assert.equal(bench.objects.puts.length, 0);
  });

  it('uses little memory for 64 MiB that can’t be compressed', async () => {
    bench.objects.keepsBodies = false;
    const piece = randomBytes(MiB);
    const source = Readable.from(
      (function* () {
        for (let i = 0; i < 64; i++) yield piece;
      })(),
    );
    let peak = 0;
    const before = process.memoryUsage.rss();
    const sampling = setInterval(() => (peak = Math.max(peak, process.memoryUsage.rss() - before)), 5);
    await bench.store.upload(artifact({ contentEncoding: 'identity' }), source, never);
    clearInterval(sampling);
    assert.equal(bench.objects.objects.get('public/a.txt')?.body.toString(), String(64 * MiB));
    assert.ok(peak < 48 * MiB, `memory grew by ${Math.round(peak / MiB)} MiB`);
  });

  it('limits parallel uploads', async () => {
    bench.objects.waitsFor = 4;
    await Promise.all(Array.from({ length: 40 }, (_, i) => upload(`content ${i}`, { name: `file-${i}` })));
    assert.equal(bench.objects.objects.size, 40);
    assert.equal(bench.objects.mostAtOnce, 4);
  });

  it('creates references, links and error artifacts, with retries', async () => {
    bench.queue.fail('createArtifact', outage(), outage());
    const common = { expires: EXPIRES };
    await bench.store.reference({ name: 'r', url: 'http://here/', contentType: 'text/html', ...common }, never);
    await bench.store.link({ name: 'l', artifact: 'r', contentType: 'text/html', ...common }, never);
    await bench.store.error({ name: 'e', reason: 'file-missing-on-worker', message: 'gone', ...common }, never);
    assert.deepEqual(bench.queue.artifacts, [
      { name: 'r', request: { storageType: 'reference', url: 'http://here/', contentType: 'text/html', ...common } },
      { name: 'l', request: { storageType: 'link', artifact: 'r', contentType: 'text/html', ...common } },
      { name: 'e', request: { storageType: 'error', reason: 'file-missing-on-worker', message: 'gone', ...common } },
    ]);
    assert.equal(bench.store.manifest.size, 0);
  });

  it('throws the queue’s error if it refuses a link', async () => {
    bench.queue.fail('createArtifact', new ServiceError('taskcluster', 'no links here', 400));
    await assert.rejects(
      bench.store.link({ name: 'l', artifact: 'r', contentType: 'text/html', expires: EXPIRES }, never),
      {
        name: 'ServiceError',
        status: 400,
      },
    );
  });
});
