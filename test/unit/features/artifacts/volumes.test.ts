import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { link, mkdir, readdir, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import type { Server } from 'node:net';
import { createServer } from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';
import type { PayloadArtifact } from '../../../../src/lib/task/payload.js';
import { ArtifactBench } from '../../../fakes/artifact-bench.js';
import { FakeStoppedContainer } from '../../../fakes/fake-containers.js';
import { faults } from '../../../fakes/fake-object-store.js';
import { skipBecause } from '../../../support/skip-because.js';
import { collectArtifacts, stored } from './collect.js';

const run = promisify(execFile);

describe('artifacts of type volume', () => {
  let bench: ArtifactBench;

  beforeEach(async () => {
    bench = await ArtifactBench.start({ concurrency: 4 });
  });
  afterEach(() => bench.stop());

  const volume = (place: string, more: Partial<PayloadArtifact> = {}): PayloadArtifact => ({
    type: 'volume',
    path: place,
    ...more,
  });
  /** Collects one volume, filled by `fill`. */
  const collect = (fill: (directory: string) => Promise<void>, leaks?: unknown[]) =>
    collectArtifacts(
      bench,
      new FakeStoppedContainer(),
      { 'public/v/': volume('/v/') },
      { task: (volumes) => fill(volumes.get('/v') ?? assert.fail('no volume')), ...(leaks && { leaks }) },
    );

  it('are the files in a directory of the task, named as in a directory artifact', async () => {
    const noise = randomBytes(2_000_000);
    await collect(async (directory) => {
      assert.deepEqual(await readdir(directory), []);
      assert.equal((await stat(directory)).mode & 0o777, 0o777);
      await mkdir(`${directory}/sub/deep`, { recursive: true });
      await writeFile(`${directory}/a.txt`, 'A');
      await writeFile(`${directory}/sub/deep/noise`, noise);
      await link(`${directory}/a.txt`, `${directory}/sub/second`);
    });
    assert.deepEqual(stored(bench), ['public/v/a.txt', 'public/v/sub/deep/noise', 'public/v/sub/second']);
    assert.ok(noise.equals(bench.objects.content('public/v/sub/deep/noise')));
    assert.equal(bench.objects.text('public/v/sub/second'), 'A');
    assert.equal(bench.objects.objects.get('public/v/sub/deep/noise')?.headers['content-encoding'], undefined);
    assert.deepEqual(bench.output.lines, ['Uploaded artifact "public/v" from "/v/": 3 files, 2.0 MB']);
  });

  it('are published except for files whose name is not valid text, which are logged', async () => {
    await collect(async (directory) => {
      const latin1 = (name: string): Buffer =>
        Buffer.concat([Buffer.from(`${directory}/`), Buffer.from(name, 'latin1')]);
      await mkdir(latin1('café'));
      await writeFile(Buffer.concat([latin1('café'), Buffer.from('/inside')]), 'inside');
      await writeFile(latin1('thé'), 'tea');
      await writeFile(`${directory}/plain`, 'plain');
    });
    assert.deepEqual(stored(bench), ['public/v/plain']);
    assert.match(bench.output.lines.join(), /not uploaded because of their names: ("th\ufffd"|"caf\ufffd\/inside"), /);
  });

  it('are kept apart, and logged when empty', async () => {
    await collectArtifacts(
      bench,
      new FakeStoppedContainer(),
      { 'public/a': volume('/a'), 'public/b': volume('/b//c') },
      { task: async (volumes) => writeFile(`${volumes.get('/b/c') ?? ''}/x`, 'x') },
    );
    assert.deepEqual(stored(bench), ['public/b/x']);
    assert.deepEqual([...bench.output.lines].sort(), [
      'Uploaded artifact "public/a" from "/a": 0 files, 0 bytes',
      'Uploaded artifact "public/b" from "/b//c": 1 file, 1 byte',
    ]);
  });

  it("never lead to this machine's own files, and skip entries that are not files", async () => {
    let server: Server | undefined;
    await collect(async (directory) => {
      await mkdir(`${directory}/sub`);
      await symlink('/etc/passwd', `${directory}/file`);
      await symlink('/etc', `${directory}/sub/directory`);
      await symlink('../../..', `${directory}/sub/up`);
      await symlink('loop', `${directory}/loop`);
      await run('mkfifo', [`${directory}/sub/fifo`]);
      server = createServer().listen(path.join(directory, 's'));
      await writeFile(`${directory}/good`, 'good');
    });
    server?.close();
    assert.deepEqual(stored(bench), ['public/v/good']);
    assert.equal(
      bench.output.lines
        .find((line) => line.includes('skipped'))
        ?.replace(/\d devices or sockets|4 symlinks/g, 'those'),
      'Artifact "public/v": skipped those and those; only files are uploaded',
    );
  });

  it('do not open device nodes', async function () {
    await collect(async (directory) => {
      try {
        await run('mknod', [`${directory}/zero`, 'c', '1', '5']);
      } catch {
        skipBecause(this, 'only root can make device nodes');
      }
    });
    assert.deepEqual(stored(bench), []);
    assert.match(bench.output.lines.join(), /skipped 1 device or socket;/);
  });

  it('omit names that are invalid for artifacts, and all below them', async () => {
    await collect(async (directory) => {
      await mkdir(`${directory}/ü`);
      await writeFile(`${directory}/ü/x`, 'x');
      await writeFile(Buffer.concat([Buffer.from(`${directory}/`), Buffer.from([0xff, 0xfe])]), 'x');
      await writeFile(`${directory}/a\nb`, 'x');
      await writeFile(`${directory}/good`, 'good');
    });
    assert.deepEqual(stored(bench), ['public/v/good']);
    const [, error = ''] = bench.output.lines;
    for (const name of ['"ü/x"', '"a\\nb"', '"\ufffd\ufffd"']) assert.ok(error.includes(name), error);
    assert.doesNotMatch(error, /\n/);
  });

  it('may contain sparse files of any length, which are not read when too large', async () => {
    const collected = collect(async (directory) => {
      await writeFile(`${directory}/huge`, '');
      await truncate(`${directory}/huge`, 1e12);
      await writeFile(`${directory}/good`, 'good');
    });
    await assert.rejects(collected, /TaskError: One artifact file could not be uploaded/);
    assert.deepEqual(stored(bench), ['public/v/good']);
    assert.match(bench.output.errors.join(), /larger than this worker accepts \(10\.0 MB\): "huge" \(1\.0 TB\)/);
    assert.equal(bench.queue.requestsFor('public/v/huge')[0]?.storageType, 'error');
  });

  it('are read to a limited depth, but deleted completely', async () => {
    await collect(async (directory) => {
      // Deeper than the longest path that the system accepts.
      const script = 'for (let i = 0; i < 3000; i++) { fs.mkdirSync("aa"); process.chdir("aa"); }';
      await run(process.execPath, ['-e', script], { cwd: directory });
      await writeFile(`${directory}/good`, 'good');
    }).catch((error: unknown) => {
      assert.match(String(error), /TaskError: One artifact file could not be uploaded/);
    });
    assert.deepEqual(stored(bench), ['public/v/good']);
    assert.match(bench.output.errors.join(), /entries more than 99 directories deep are not uploaded: "aa\/aa/);
  });

  it('stay, with a line for the operator, when they cannot be deleted', async function () {
    const leaks: unknown[] = [];
    let immutable = '';
    await collect(async (directory) => {
      immutable = `${directory}/immutable`;
      await writeFile(immutable, 'x');
      try {
        await run('chattr', ['+i', immutable]);
      } catch {
        skipBecause(this, 'this file system has no immutable files, or only for root');
      }
    }, leaks);
    assert.deepEqual(stored(bench), ['public/v/immutable']);
    assert.equal(leaks.length, 1);
    assert.match(String(leaks[0]), /could not be fully deleted: rm ended with 1/);
    await run('chattr', ['-i', immutable]);
    await rm(path.dirname(immutable), { recursive: true });
  });

  it('are resent from disk when the store fails in the middle', async () => {
    bench.objects.faults.push(faults.resetMidBody);
    const noise = randomBytes(3_000_000);
    await collect((directory) => writeFile(`${directory}/noise`, noise));
    assert.ok(noise.equals(bench.objects.content('public/v/noise')));
  });

  it('are uploaded a few files at a time', async () => {
    bench.objects.waitsFor = 4;
    await collect(async (directory) => {
      for (let i = 0; i < 1500; i++) await writeFile(`${directory}/${i}`, `content ${i}`);
      await truncate(`${directory}/7`, 100_000);
    });
    assert.equal(stored(bench).length, 1500);
    assert.equal(bench.objects.mostAtOnce, 4);
  });
});
