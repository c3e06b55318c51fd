import assert from 'node:assert/strict';
import { open, rm, writeFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { join } from 'node:path';
import { tarEntries } from '../../../../src/lib/artifacts/extract-tar.js';
import type { DiskEntry } from '../../../../src/lib/artifacts/walk-directory.js';
import { ArtifactNameRegistry } from '../../../../src/lib/features/artifacts/artifact-name-registry.js';
import { DirectoryUpload } from '../../../../src/lib/features/artifacts/directory-upload.js';
import { ArtifactBench, EXPIRES } from '../../../fakes/artifact-bench.js';
import { tarOf } from '../../../fakes/fake-containers.js';
import { stored } from './collect.js';

const signal = new AbortController().signal;
const systemError = (code: string): Error => Object.assign(new Error(`${code}: no`), { code });

describe('files of a volume that the worker’s user may not read', () => {
  let bench: ArtifactBench;
  let upload: DirectoryUpload;
  beforeEach(async () => {
    bench = await ArtifactBench.start({ concurrency: 4 });
    const task = bench.task({ artifacts: { 'public/v': { type: 'volume', path: '/v' } } });
    upload = new DirectoryUpload({
      key: 'public/v',
      names: new ArtifactNameRegistry(task),
      content: (name) => ({ name, contentType: 'text/plain', contentEncoding: 'identity', expires: EXPIRES }),
      limits: { maxFileBytes: 1000, maxSkippedBytes: 1000 },
      task,
    });
  });
  afterEach(async () => {
    await rm(join(bench.tempDir, 'open'), { force: true });
    await bench.stop();
  });

  const unopened = (name: string, code: string): DiskEntry => ({
    kind: 'file',
    name,
    open: () => Promise.reject(systemError(code)),
  });
  /** A file on disk, which only this test sees. */
  const readable = async (name: string, content: string): Promise<DiskEntry> => {
    const path = join(bench.tempDir, name);
    await writeFile(path, content);
    return { kind: 'file', name, open: async () => ({ handle: await open(path), size: content.length }) };
  };
  const fromDisk = (...entries: readonly DiskEntry[]): Promise<void> => upload.run('', Readable.from(entries), signal);

  it('are left for an archive, which then completes the artifact', async () => {
    const disk: readonly DiskEntry[] = [
      await readable('open', 'from disk'),
      { kind: 'symlink', name: 'link' },
      unopened('secret', 'EACCES'),
      { kind: 'directory', name: 'closed' },
      { kind: 'unreadable', name: 'closed', error: systemError('EACCES') },
    ];
    await fromDisk(...disk);
    assert.equal(upload.hasDenied, true);
    assert.deepEqual(stored(bench), ['public/v/open']);
    assert.deepEqual([bench.output.errors, upload.report.problems], [[], []]);

    const archive = await tarOf([
      { name: 'v/', type: 'directory' },
      { name: 'v/open', content: 'from archive' },
      { name: 'v/link', type: 'symlink' },
      { name: 'v/secret', content: 'hidden' },
      { name: 'v/closed/', type: 'directory' },
      { name: 'v/closed/inner', content: 'inner' },
    ]);
    await upload.run('v/', tarEntries(Readable.from([archive], { objectMode: false }), signal), signal);
    upload.report.summarize('/v');
    assert.deepEqual(stored(bench), ['public/v/closed/inner', 'public/v/open', 'public/v/secret']);
    assert.equal(bench.objects.text('public/v/open'), 'from disk');
    assert.equal(bench.objects.text('public/v/secret'), 'hidden');
    assert.deepEqual(bench.output.lines, [
      'Uploaded artifact "public/v" from "/v": 3 files, 20 bytes',
      'Artifact "public/v": skipped 1 symlink; only files are uploaded',
    ]);
    assert.deepEqual([bench.output.errors, upload.report.problems], [[], []]);
  });

  it('are only those of that error: others are reported at once', async () => {
    const error = systemError('EIO');
    await fromDisk(unopened('broken', 'EIO'), { kind: 'unreadable', name: 'sub', error });
    assert.equal(upload.hasDenied, false);
    assert.equal(upload.report.problems.length, 2);
    assert.deepEqual(bench.output.errors, [
      'Artifact "public/v": "broken" could not be read: EIO: no',
      'Artifact "public/v": "sub" could not be read: EIO: no',
    ]);
  });
});
