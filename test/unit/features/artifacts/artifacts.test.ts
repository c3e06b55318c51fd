import assert from 'node:assert/strict';
import { NAME_RULE } from '../../../../src/lib/artifacts/artifact-name.js';
import { createHash, randomBytes } from 'node:crypto';
import { artifactsFeature } from '../../../../src/lib/features/artifacts/artifacts.js';
import type { PayloadArtifact } from '../../../../src/lib/task/payload.js';
import { ArtifactBench, EXPIRES } from '../../../fakes/artifact-bench.js';
import type { FakeEntry } from '../../../fakes/fake-containers.js';
import { FakeStoppedContainer } from '../../../fakes/fake-containers.js';
import { conflict } from '../../../fakes/fake-queue.js';
import { collectArtifacts, directory, file, stored } from './collect.js';
import { ServiceError } from '../../../../src/lib/outcome/service-error.js';

const never = new AbortController().signal;

describe('the artifacts feature', () => {
  let bench: ArtifactBench;
  let container: FakeStoppedContainer;

  beforeEach(async () => {
    bench = await ArtifactBench.start({ concurrency: 8 });
    container = new FakeStoppedContainer();
  });
  afterEach(() => bench.stop());

  const collect = (artifacts: Record<string, PayloadArtifact>) => collectArtifacts(bench, container, artifacts);
  const header = (name: string, header: string) => bench.objects.objects.get(name)?.headers[header];
  it('does nothing for a task without artifacts', async () => {
    await artifactsFeature({ skipCompressionExtensions: [], maxFileBytes: 1 })
      .attach(bench.task())
      .collect?.(container, never, 'exit');
    assert.deepEqual(bench.queue.artifacts, []);
  });

  describe('for a file', () => {
    it('stores it compressed until the task expires, with a line in the log', async () => {
      await container.putEntries('/work/report.txt', [{ name: 'report.txt', content: 'all is well' }]);
      await collect({ 'public/report.txt': file('/work/report.txt') });
      assert.equal(bench.objects.text('public/report.txt'), 'all is well');
      assert.deepEqual(bench.queue.requestsFor('public/report.txt'), [
        { storageType: 's3', contentType: 'text/plain', contentLength: 11, expires: EXPIRES },
      ]);
      assert.equal(header('public/report.txt', 'content-encoding'), 'gzip');
      assert.deepEqual(bench.output.lines, [
        'Uploaded artifact "public/report.txt" from "/work/report.txt": 11 bytes, text/plain',
      ]);
      assert.equal(
        bench.store.manifest.get('public/report.txt')?.sha256,
        createHash('sha256').update('all is well').digest('hex'),
      );
    });

    it('uses expiry, content type and encoding from the payload', async () => {
      await container.putEntries('/x', [{ name: 'x', content: 'x' }]);
      const expires = '2026-12-01T00:00:00.000Z';
      await collect({ 'public/x': file('/x', { expires, contentType: 'image/x', contentEncoding: 'identity' }) });
      assert.deepEqual(bench.queue.requestsFor('public/x'), [
        { storageType: 's3', contentType: 'image/x', contentLength: 1, expires },
      ]);
      assert.equal(header('public/x', 'content-encoding'), undefined);
    });

    it('stores incompressible content uncompressed, unless the payload requests gzip', async () => {
      const noise = randomBytes(2_000_000);
      await container.putEntries('/noise', [{ name: 'noise', content: noise }]);
      await collect({ 'public/noise': file('/noise'), 'public/zipped': file('/noise', { contentEncoding: 'gzip' }) });
      assert.equal(header('public/noise', 'content-encoding'), undefined);
      assert.equal(header('public/noise', 'content-length'), '2000000');
      assert.equal(header('public/zipped', 'content-encoding'), 'gzip');
      const sha256 = createHash('sha256').update(noise).digest('hex');
      for (const name of ['public/noise', 'public/zipped']) {
        assert.ok(noise.equals(bench.objects.content(name)));
        assert.equal(bench.store.manifest.get(name)?.sha256, sha256);
      }
    });

    it('follows a link within the container', async () => {
      await container.putEntries('/link', [{ name: 'link', type: 'symlink' }]);
      await container.putEntries('/real/x', [{ name: 'x', content: 'x' }]);
      await container.putEntries('/dangling', [{ name: 'dangling', type: 'symlink' }]);
      await container.putEntries('/wrong', [{ name: 'wrong', type: 'symlink' }]);
      await container.putEntries('/dir', [{ name: 'dir/', type: 'directory' }]);
      container.links.set('/link', '/real/x').set('/dangling', '/nowhere').set('/wrong', '/dir');
      await collect({ 'public/x': file('/link'), 'public/y': file('/dangling'), 'public/z': file('/wrong') });
      assert.deepEqual(stored(bench), ['public/x']);
      assert.deepEqual([...bench.output.lines].sort(), [
        'Artifact "public/y" not found at "/dangling"',
        'Error uploading "public/z". Expected artifact to be a "file" but was "directory" ("/wrong")',
        'Uploaded artifact "public/x" from "/link": 1 byte, application/octet-stream',
      ]);
      assert.deepEqual(bench.output.errors, []);
    });

    const rejected = (name: string, message: string) => [
      { name, request: { storageType: 'error', reason: 'invalid-resource-on-worker', message, expires: EXPIRES } },
    ];

    for (const [what, entries] of [
      [
        'directory',
        [
          { name: 'x/', type: 'directory' },
          { name: 'x/a', content: 'a' },
        ],
      ],
      ['device or socket', [{ name: 'x', type: 'character-device' }]],
      ['empty', []],
      [
        'several files',
        [
          { name: 'x', content: 'x' },
          { name: 'y', content: 'y' },
        ],
      ],
    ] as const satisfies readonly (readonly [string, readonly FakeEntry[]])[]) {
      it(`publishes an error artifact, without an error line or failure, when it is not a file (${what})`, async () => {
        await container.putEntries('/x', entries);
        await collect({ 'public/x': file('/x') });
        const message = `Error uploading "public/x". Expected artifact to be a "file" but was "${what}" ("/x")`;
        assert.deepEqual(bench.queue.artifacts, rejected('public/x', message));
        assert.deepEqual(bench.output.lines, [message]);
        assert.deepEqual(bench.output.errors, []);
        assert.deepEqual(stored(bench), []);
      });
    }
  });

  describe('for a missing path', () => {
    const message = 'Artifact "public/x" not found at "/x"';
    const request = { storageType: 'error', reason: 'file-missing-on-worker', message, expires: EXPIRES };

    it('publishes an error artifact and logs it, without failing the task', async () => {
      await collect({ 'public/x': file('/x') });
      assert.deepEqual(bench.queue.artifacts, [{ name: 'public/x', request }]);
      assert.deepEqual(bench.output.lines, [message]);
      assert.deepEqual(bench.output.errors, []);
    });

    it('logs a plain line when the artifact is optional', async () => {
      await collect({ 'public/x': directory('/x', { optional: true }) });
      assert.deepEqual(bench.queue.artifacts, [{ name: 'public/x', request }]);
      assert.deepEqual([bench.output.lines, bench.output.errors], [[message], []]);
    });

    it('continues when even the error artifact cannot be published', async () => {
      bench.queue.fail('createArtifact', conflict());
      await collect({ 'public/x': file('/x') });
      assert.equal(bench.log.of('error artifact not published').length, 1);
    });
  });

  describe('for a directory', () => {
    it('stores every file below it under its path', async () => {
      await container.putEntries('/work/build', [
        { name: 'build/', type: 'directory' },
        { name: 'build/a.txt', content: 'A' },
        { name: 'build/sub/', type: 'directory' },
        { name: 'build/sub/deep/b.log', content: 'BB' },
      ]);
      await collect({ 'public/build/': directory('/work/build/') });
      assert.deepEqual(stored(bench), ['public/build/a.txt', 'public/build/sub/deep/b.log']);
      assert.equal(bench.objects.text('public/build/sub/deep/b.log'), 'BB');
      assert.deepEqual(bench.output.lines, ['Uploaded artifact "public/build" from "/work/build/": 2 files, 3 bytes']);
    });

    it('skips links and devices and counts them', async () => {
      await container.putEntries('/d', [
        { name: 'd/', type: 'directory' },
        { name: 'd/a', content: 'A' },
        { name: 'd/l1', type: 'symlink' },
        { name: 'd/l2', type: 'symlink' },
        { name: 'd/null', type: 'character-device' },
      ]);
      await collect({ 'public/d': directory('/d') });
      assert.deepEqual(stored(bench), ['public/d/a']);
      assert.equal(
        bench.output.lines[1],
        'Artifact "public/d": skipped 2 symlinks and 1 device or socket; only files are uploaded',
      );
    });

    it('skips names that are invalid for artifacts, and lists them', async () => {
      await container.putEntries('/d', [
        { name: 'd/', type: 'directory' },
        { name: 'd/../../etc/passwd', content: 'x' },
        { name: '/etc/shadow', content: 'x' },
        { name: 'd/ü', content: 'x' },
        { name: 'd/good', content: 'x' },
        { name: 'd//double', content: 'x' },
      ]);
      await collect({ 'public/d': directory('/d') });
      assert.deepEqual(stored(bench), ['public/d/good']);
      assert.deepEqual(bench.output.errors, []);
      assert.deepEqual(bench.output.lines.slice(1), [
        'Artifact "public/d": not uploaded because of their names: "d/../../etc/passwd", "/etc/shadow", "d/ü", "d//double"; ' +
          NAME_RULE,
      ]);
    });

    it('publishes an error artifact when it is a file', async () => {
      await container.putEntries('/d', [{ name: 'd', content: 'x' }]);
      await collect({ 'public/d': directory('/d') });
      assert.deepEqual(bench.output.lines, [
        'Error uploading "public/d". Expected artifact to be a "directory" but was "file" ("/d")',
      ]);
    });

    it('publishes nothing for a directory without files', async () => {
      await container.putEntries('/d', [{ name: 'd/', type: 'directory' }]);
      await collect({ 'public/d': directory('/d') });
      assert.deepEqual(bench.output.lines, ['Uploaded artifact "public/d" from "/d": 0 files, 0 bytes']);
    });

    it('follows a link to a directory, and reports one that leads elsewhere', async () => {
      await container.putEntries('/link', [{ name: 'link', type: 'symlink' }]);
      await container.putEntries('/link/', [
        { name: 'link/', type: 'directory' },
        { name: 'link/a', content: 'A' },
      ]);
      await container.putEntries('/wrong', [{ name: 'wrong', type: 'symlink' }]);
      await container.putEntries('/wrong/', [{ name: 'wrong', type: 'symlink' }]);
      await collect({ 'public/d': directory('/link'), 'public/e': directory('/wrong') });
      assert.deepEqual(stored(bench), ['public/d/a']);
      assert.ok(
        bench.output.lines.includes(
          'Error uploading "public/e". Expected artifact to be a "directory" but was "symlink" ("/wrong")',
        ),
      );
    });

    it('can be the root of the file system', async () => {
      await container.putEntries('/', [
        { name: '/', type: 'directory' },
        { name: '/etc/hosts', content: 'x' },
      ]);
      await collect({ 'public/root': directory('/') });
      assert.deepEqual(stored(bench), ['public/root/etc/hosts']);
    });

    describe('with files that have several names', () => {
      const link = (name: string, target: string) => ({ name, type: 'link' as const, target });

      it('stores them under each name, and fetches the content once more', async () => {
        await container.putEntries('/d', [
          { name: 'd/', type: 'directory' },
          { name: 'd/a', content: 'A' },
          link('d/b', 'd/a'),
          link('d/sub/c.gz', 'd/a'),
        ]);
        await container.putEntries('/d/b', [{ name: 'b', content: 'A' }]);
        await collect({ 'public/d': directory('/d') });
        assert.deepEqual(stored(bench), ['public/d/a', 'public/d/b', 'public/d/sub/c.gz']);
        assert.equal(bench.objects.text('public/d/sub/c.gz'), 'A');
        assert.equal(header('public/d/sub/c.gz', 'content-type'), 'application/gzip');
        assert.deepEqual(container.asked, ['/d', '/d/b']);
        assert.deepEqual(bench.output.lines, ['Uploaded artifact "public/d" from "/d": 3 files, 3 bytes']);
        assert.equal(bench.store.manifest.size, 3);
      });

      it('reads the directory once more when there are many', async () => {
        const numbers = Array.from({ length: 200 }, (_, i) => i);
        const entries = [
          { name: 'd/', type: 'directory' as const },
          ...numbers.map((i) => ({ name: `d/a${i}`, content: `content ${i}` })),
          ...numbers.map((i) => link(`d/b${i}`, `d/a${i}`)),
          link('d/c', 'd/a7'),
        ];
        for (const path of ['/d', '/d/']) await container.putEntries(path, entries);
        await collect({ 'public/d': directory('/d/') });
        assert.deepEqual(container.asked, ['/d', '/d/']);
        assert.equal(stored(bench).length, 401);
        assert.equal(bench.objects.text('public/d/b199'), 'content 199');
        assert.equal(bench.objects.text('public/d/c'), 'content 7');
      });

      it('counts those whose content cannot be fetched', async () => {
        await container.putEntries('/d', [{ name: 'd/', type: 'directory' }, link('d/b', 'd/a'), link('d/c', 'd/a')]);
        await collect({ 'public/d': directory('/d') });
        assert.equal(bench.output.lines[1], 'Artifact "public/d": skipped 2 hard links; only files are uploaded');
      });

      it('reports each once when the queue refuses them', async () => {
        await container.putEntries('/d', [{ name: 'd/', type: 'directory' }, link('d/b', 'd/a'), link('d/c', 'd/a')]);
        await container.putEntries('/d/b', [{ name: 'b', content: 'A' }]);
        bench.queue.fail('createArtifact', new ServiceError('taskcluster', 'no', 400));
        await assert.rejects(collect({ 'public/d': directory('/d') }), /^TaskError: 2 artifact files could not/);
      });
    });
  });

  it('uploads thousands of small files, a few at a time across all artifacts', async () => {
    const entries = (root: string) => [
      { name: `${root}/`, type: 'directory' as const },
      ...Array.from({ length: 1000 }, (_, i) => ({ name: `${root}/${i}.txt`, content: `content ${i}` })),
    ];
    await container.putEntries('/a', entries('a'));
    await container.putEntries('/b', entries('b'));
    bench.objects.waitsFor = 8;
    await collect({ 'public/a': directory('/a'), 'public/b': directory('/b') });
    assert.equal(stored(bench).length, 2000);
    assert.equal(bench.objects.mostAtOnce, 8);
    assert.equal(bench.objects.text('public/b/999.txt'), 'content 999');
  });
});
