import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { PassThrough } from 'node:stream';
import { DockerError } from '../../../../src/lib/docker/engine.js';
import { TaskError, TaskStopped } from '../../../../src/lib/outcome/errors.js';
import type { PayloadArtifact } from '../../../../src/lib/task/payload.js';
import { fileHeader } from '../../../../src/lib/images/archive/tar-header.js';
import { ArtifactBench, EXPIRES } from '../../../fakes/artifact-bench.js';
import { FakeStoppedContainer, chunked, cutOff, tarOf } from '../../../fakes/fake-containers.js';
import { faults } from '../../../fakes/fake-object-store.js';
import { conflict } from '../../../fakes/fake-queue.js';
import { collectArtifacts, directory, file, stored } from './collect.js';
import { ServiceError } from '../../../../src/lib/outcome/service-error.js';

/** Returns the tar with this type for its first entry, of unchanged size. */
function withType(tar: Buffer, type: string): Buffer {
  const changed = Buffer.from(tar);
  changed.write(type, 156, 'latin1');
  changed.fill(' ', 148, 156);
  const sum = changed.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  changed.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return changed;
}

describe('the artifacts feature with failures', () => {
  let bench: ArtifactBench;
  let container: FakeStoppedContainer;

  beforeEach(async () => {
    bench = await ArtifactBench.start({ concurrency: 8 });
    container = new FakeStoppedContainer();
  });
  afterEach(() => bench.stop());

  const collect = (artifacts: Record<string, PayloadArtifact>, signal?: AbortSignal) =>
    collectArtifacts(bench, container, artifacts, signal ? { signal } : {});
  /** Returns the error that collecting ends with. */
  const failure = async (collected: Promise<void>): Promise<TaskError> => {
    const error: unknown = await collected.then(
      () => assert.fail('collecting succeeded'),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof TaskError);
    return error;
  };

  const three = [
    { name: 'd/', type: 'directory' as const },
    { name: 'd/a', content: 'A' },
    { name: 'd/b', content: 'B' },
    { name: 'd/c', content: 'C' },
  ];

  it('continues with other files, lists the failures, and fails the task for refused ones', async () => {
    await container.putEntries('/d', three);
    bench.queue.fail(
      'createArtifact',
      new ServiceError('taskcluster', 'first', 400),
      new ServiceError('taskcluster', 'second', 400),
    );
    const error = await failure(collect({ 'public/d': directory('/d') }));
    assert.deepEqual(error.resolution, { kind: 'failed' });
    assert.equal(error.message, '2 artifact files could not be uploaded; see the error lines above.');
    assert.equal(bench.output.errors.length, 2);
    for (const line of bench.output.errors) assert.match(line, /^Artifact "public\/d\/[abc]" could not be uploaded: /);
    assert.equal(stored(bench).length, 1);
  });

  it('blames the worker when the store failed too', async () => {
    await container.putEntries('/d', three);
    bench.queue.fail('createArtifact', new ServiceError('taskcluster', 'refused', 400));
    bench.objects.faults.push(faults.status(404));
    const error = await failure(collect({ 'public/d': directory('/d') }));
    assert.deepEqual(error.resolution, { kind: 'exception', reason: 'internal-error' });
  });

  it('stops when the queue says that the run is over', async () => {
    await container.putEntries('/d', three);
    bench.queue.resolved = true;
    bench.queue.break('createArtifact', conflict());
    await assert.rejects(collect({ 'public/d': directory('/d') }), (error) => error instanceof TaskStopped);
    assert.deepEqual(bench.output.errors, []);
  });

  it('reads an archive again that broke off, without uploading a file twice', async () => {
    const big = { name: 'd/big', content: randomBytes(400_000) };
    const tar = await tarOf([...three, big, { name: 'd/l', type: 'symlink' }]);
    // Two of the three small files and half of the big one.
    container.put(
      '/d',
      () => chunked(tar.subarray(0, 200_000)),
      () => chunked(tar),
    );
    await collect({ 'public/d': directory('/d') });
    assert.deepEqual(stored(bench), ['public/d/a', 'public/d/b', 'public/d/big', 'public/d/c']);
    assert.equal(bench.objects.puts.length, 4);
    assert.ok(big.content.equals(bench.objects.content('public/d/big')));
    assert.equal(bench.log.of('reading artifact again').length, 1);
    assert.deepEqual(bench.output.lines, [
      'Uploaded artifact "public/d" from "/d": 4 files, 400.0 kB',
      'Artifact "public/d": skipped 1 symlink; only files are uploaded',
    ]);
  });

  it('never publishes half a file', async () => {
    const tar = await tarOf([{ name: 'x', content: randomBytes(2_000_000) }]);
    container.put('/x', () => chunked(tar.subarray(0, 1_500_000)));
    const error = await failure(collect({ 'public/x': file('/x') }));
    assert.deepEqual(error.resolution, { kind: 'exception', reason: 'internal-error' });
    assert.equal(container.asked.length, 3);
    assert.deepEqual(stored(bench), []);
    assert.match(bench.output.errors.join(), /^Artifact "public\/x" could not be read from "\/x": the archive/);
    const [request, ...others] = bench.queue.requestsFor('public/x');
    assert.deepEqual(others, []);
    assert.ok(request?.storageType === 'error');
    assert.equal(request.reason, 'file-not-readable-on-worker');
    assert.equal(request.message, bench.output.errors[0]);
  });

  it('publishes an error artifact for a directory whose archive always breaks off', async () => {
    const tar = await tarOf([...three, { name: 'd/big', content: randomBytes(2_000_000) }]);
    container.put('/d', () => cutOff(tar.subarray(0, 1_500_000)));
    const error = await failure(collect({ 'public/d/': directory('/d') }));
    assert.deepEqual(error.resolution, { kind: 'exception', reason: 'internal-error' });
    assert.deepEqual(stored(bench), ['public/d/a', 'public/d/b', 'public/d/c']);
    assert.deepEqual(bench.queue.requestsFor('public/d/big'), []);
    assert.deepEqual(
      bench.queue.requestsFor('public/d').map(({ storageType }) => storageType),
      ['error'],
    );
  });

  it('logs that an artifact has no content when its source broke off during the upload', async () => {
    await bench.stop();
    bench = await ArtifactBench.start({ concurrency: 8, maxStagedBytes: 0 });
    const tar = await tarOf([{ name: 'x', content: randomBytes(2_000_000) }]);
    container.put('/x', () => cutOff(tar.subarray(0, 1_900_000)));
    const { queue } = bench;
    const create = queue.createArtifact.bind(queue);
    queue.createArtifact = (name, request, signal) =>
      request.storageType === 'error' ? Promise.reject(conflict()) : create(name, request, signal);
    await failure(collect({ 'public/x': file('/x') }));
    assert.equal(bench.output.errors.length, 1);
    assert.equal(bench.output.lines[0], 'Artifact "public/x" stays in the list of artifacts, but has no content.');
  });

  it('refuses an archive with content in an entry that is not a file', async () => {
    const tar = await tarOf([{ name: 'x', content: 'x'.repeat(600) }]);
    for (const [path, type] of Object.entries({ '/link': '1', '/symlink': '2', '/device': '3', '/directory': '5' })) {
      container.put(path, () => chunked(withType(tar, type)));
      await collect({ [path]: file(path) });
      assert.match(bench.output.lines.at(-1) ?? '', /"x" has content, but is a .*, which has none/);
      assert.equal(bench.queue.requestsFor(path)[0]?.storageType, 'error');
    }
    assert.equal(container.asked.length, 4, 'it would be the same again');
  });

  describe('with files that are too large', () => {
    const huge = 10e12;

    it('publishes an error artifact, without reading them', async () => {
      const header = fileHeader('x', huge);
      const endless = new PassThrough();
      endless.write(header);
      container.put('/x', () => endless);
      const error = await failure(collect({ 'public/x': file('/x') }));
      assert.deepEqual(error.resolution, { kind: 'failed' });
      const message =
        'Artifact "public/x" is too large: 10.0 TB, more than the 10.0 MB that this worker accepts ' +
        '(artifacts.maxFileBytes)';
      assert.deepEqual(bench.output.errors, [message]);
      assert.deepEqual(bench.queue.requestsFor('public/x'), [
        { storageType: 'error', reason: 'too-large-file-on-worker', message, expires: EXPIRES },
      ]);
      assert.ok(endless.destroyed);
    });

    it('continues with the other files of a directory', async () => {
      const large = Buffer.alloc(10_000_001);
      await container.putEntries('/d', [...three, { name: 'd/large', content: large }, { name: 'd/e', content: 'E' }]);
      const error = await failure(collect({ 'public/d': directory('/d') }));
      assert.deepEqual(error.resolution, { kind: 'failed' });
      assert.deepEqual(stored(bench), ['public/d/a', 'public/d/b', 'public/d/c', 'public/d/e']);
      assert.deepEqual(bench.output.errors, [
        'Artifact "public/d": not uploaded because they are larger than this worker accepts (10.0 MB): "d/large" (10.0 MB)',
      ]);
      const [request] = bench.queue.requestsFor('public/d/large');
      assert.ok(request?.storageType === 'error' && request.reason === 'too-large-file-on-worker');
    });

    it('does not read forever to skip one', async () => {
      const start = await tarOf(three);
      const endless = new PassThrough();
      endless.write(Buffer.concat([start.subarray(0, -1024), fileHeader('d/huge', huge)]));
      container.put('/d', () => endless);
      await failure(collect({ 'public/d': directory('/d') }));
      assert.deepEqual(stored(bench), ['public/d/a', 'public/d/b', 'public/d/c']);
      assert.equal(
        bench.output.errors[0],
        'Artifact "public/d": files after "d/huge" in the directory were not read, because skipping its 10.0 TB would take too long',
      );
      assert.equal(bench.queue.requestsFor('public/d/huge')[0]?.storageType, 'error');
      assert.ok(endless.destroyed);
    });
  });

  it('lists a few of many invalid names', async () => {
    const odd = Array.from({ length: 1000 }, (_, n) => ({ name: `d/ü${n}` }));
    await container.putEntries('/d', [...three, ...odd]);
    await collect({ 'public/d': directory('/d') });
    const [, line = '', ...others] = bench.output.lines;
    assert.match(line, /"d\/ü0", .*"d\/ü19" and 980 more; the name of an artifact/);
    assert.deepEqual(others, []);
  });

  it('omits names that are longer than the queue can list', async () => {
    const longest = `public/d/${'x'.repeat(1024 - 'public/d/'.length)}`;
    const below = longest.slice('public/'.length);
    await container.putEntries('/d', [three[0] ?? { name: '' }, { name: below }, { name: `${below}y` }]);
    await container.putEntries('/x', [{ name: 'x', content: 'x' }]);
    await collect({ 'public/d': directory('/d'), [`${longest}z`]: file('/x'), [`${longest}w`]: file('/missing') });
    assert.deepEqual(stored(bench), [longest]);
    assert.deepEqual(
      bench.queue.artifacts.map(({ name }) => name),
      [longest],
    );
    assert.equal(bench.output.lines.filter((line) => line.includes('up to 1024 printable ASCII')).length, 3);
    for (const line of bench.output.lines) assert.ok(line.length < 500, line);
  });

  it('retries when the engine does not respond', async () => {
    const tar = await tarOf([{ name: 'x', content: 'x' }]);
    container.put(
      '/x',
      () => new DockerError('the engine is gone', undefined),
      () => chunked(tar),
    );
    await collect({ 'public/x': file('/x') });
    assert.deepEqual(stored(bench), ['public/x']);
  });

  it("treats a path that the engine cannot read as the task's mistake", async () => {
    container.put('/etc/passwd/x', () => new DockerError('not a directory', 400));
    await collect({ 'public/x': file('/etc/passwd/x') });
    assert.deepEqual(bench.output.lines, [
      'Error uploading "public/x". It cannot be read: not a directory ("/etc/passwd/x")',
    ]);
  });

  it('reports an invalid artifact name', async () => {
    await container.putEntries('/x', [{ name: 'x', content: 'x' }]);
    await collect({ 'public/ü': file('/x'), 'public/ö': file('/missing') });
    assert.deepEqual(stored(bench), []);
    assert.deepEqual(bench.queue.artifacts, []);
    // An invalid name does not fail the task; the other artifact is missing.
    assert.equal(bench.output.lines.filter((line) => line.includes('printable ASCII')).length, 2);
    assert.deepEqual(bench.output.errors, []);
  });

  describe('with files that would replace something else of the run', () => {
    it("never replaces the worker's own artifacts: it names the file and fails the task", async () => {
      await container.putEntries('/d', [
        { name: 'd/', type: 'directory' },
        { name: 'd/logs/live_backing.log', content: 'forged' },
        { name: 'd/good', content: 'good' },
      ]);
      const error = await failure(collect({ 'public/': directory('/d') }));
      assert.deepEqual(error.resolution, { kind: 'failed' });
      assert.deepEqual(stored(bench), ['public/good']);
      assert.deepEqual(bench.output.errors, [
        'Artifact "public": files not uploaded because their names are taken: ' +
          '"public/logs/live_backing.log" is published by the worker itself (log). Rename them.',
      ]);
    });

    it('leaves a name to the artifact listed under it', async () => {
      await container.putEntries('/x', [{ name: 'x', content: 'the file' }]);
      await container.putEntries('/d', three);
      await failure(collect({ 'public/d': directory('/d'), 'public/d/b': file('/x') }));
      assert.deepEqual(stored(bench), ['public/d/a', 'public/d/b', 'public/d/c']);
      assert.equal(bench.objects.text('public/d/b'), 'the file');
      assert.match(bench.output.errors.join(), /"public\/d\/b" is published by artifact "public\/d\/b"/);
    });

    it('publishes a file that is listed and also in a directory once, as the listed artifact', async () => {
      await container.putEntries('/d/./b', [{ name: 'b', content: 'b' }]);
      await container.putEntries('/d', three);
      const expires = '2026-12-01T00:00:00.000Z';
      await collect({
        'public/d': directory('/d/'),
        'public/d/b': file('/d/./b', { expires, contentType: 'text/x' }),
        'public/d/': directory('/d'),
      });
      assert.deepEqual(stored(bench), ['public/d/a', 'public/d/b', 'public/d/c']);
      assert.deepEqual(bench.queue.requestsFor('public/d/b'), [
        { storageType: 's3', contentType: 'text/x', contentLength: 1, expires },
      ]);
      assert.deepEqual(bench.output.errors, []);
    });

    it('gives a name that two directories share to one of them', async () => {
      await container.putEntries('/d', three);
      await container.putEntries('/e', three);
      const error = await failure(collect({ 'public/d': directory('/d'), 'public/d/': directory('/e') }));
      assert.equal(error.message, '3 artifact files could not be uploaded; see the error lines above.');
      assert.equal(bench.objects.puts.length, 3);
    });
  });

  for (const moment of ['before anything is read', 'while a file is uploaded'] as const) {
    it(`ends with the reason when it is stopped ${moment}`, async () => {
      await container.putEntries('/d', three);
      const stop = new AbortController();
      const reason = new TaskStopped('worker-shutdown');
      if (moment === 'before anything is read') stop.abort(reason);
      else {
        for (let i = 0; i < 3; i++) {
          bench.objects.faults.push((request) => {
            request.resume();
            stop.abort(reason);
          });
        }
      }
      await assert.rejects(collect({ 'public/d': directory('/d') }, stop.signal), reason);
      assert.deepEqual(bench.output.errors, []);
    });
  }
});
