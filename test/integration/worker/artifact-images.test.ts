import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { clients } from 'taskcluster-client';
import { extract } from 'tar-stream';
import { PLATFORM } from '../../../src/lib/images/archive/platform.js';
import { legacyFiles, legacyId, ociFiles, ociOf, tarOf } from '../../support/image-archive.js';
import type { TarFile } from '../../support/image-archive.js';
import { publishedTask } from '../../support/published-task.js';
import { shell, TEST_IMAGE } from '../../support/test-task.js';
import { WorkerHarness } from '../../support/worker-harness.js';

const MAX = { input: undefined as Buffer | undefined, maxBuffer: 64 * 1024 * 1024 };
const PACK: Readonly<Record<string, (tar: Buffer) => Buffer>> = {
  'image.tar': (tar) => tar,
  'image.tar.zst': (input) => execFileSync('zstd', ['-qc'], { ...MAX, input }),
  'image.tar.lz4': (input) => execFileSync('lz4', ['-qc'], { ...MAX, input }),
  'image.tar.gz': (tar) => gzipSync(tar),
};

/** A command that shows that it runs in the image. */
const SHOW = shell('echo in the image');

const localName = (taskId: string, path: string): string =>
  `${createHash('md5')
    .update(taskId + path)
    .digest('hex')}:latest`;

/** The regular files of an archive. */
const unpackedFiles = async (archive: Buffer): Promise<readonly (TarFile & { readonly content: Buffer })[]> => {
  const files: (TarFile & { readonly content: Buffer })[] = [];
  const entries = Readable.from([archive]).pipe(extract());
  for await (const entry of entries) {
    const { name, type } = entry.header;
    const content = await buffer(entry);
    if (type === 'file') files.push({ name, content });
  }
  return files;
};

/** The layers in an archive of `docker save`. */
const layersOf = (files: readonly (TarFile & { readonly content: Buffer })[]): readonly Buffer[] => {
  const contentOf = (wanted: string): Buffer =>
    files.find(({ name }) => name === wanted)?.content ?? assert.fail(wanted);
  const [{ Layers } = assert.fail()] = JSON.parse(String(contentOf('manifest.json'))) as { Layers: string[] }[];
  return Layers.map(contentOf);
};

const sha256 = (content: Buffer): string => createHash('sha256').update(content).digest('hex');

describe('the image of another task', () => {
  let harness: WorkerHarness;
  let saved: Buffer;
  const loaded = new Set<string>();

  before(async () => {
    harness = await WorkerHarness.start({
      settings: { dockerConfig: { maxAttempts: 5, delayFactor: 10 }, artifacts: { inactivityTimeout: 5000 } },
    });
    saved = await buffer(await harness.docker.getImage(TEST_IMAGE).get());
  });
  afterEach(async () => {
    for (const name of loaded) await harness.removeImage(name);
    loaded.clear();
  });
  after(() => harness.close());

  const publish = async (path: string, content: Buffer, contentEncoding?: string): Promise<string> =>
    await publishedTask(harness.queue, { [path]: { content, ...(contentEncoding && { contentEncoding }) } });

  /** Runs a task in the image, which is removed after the test. */
  const run = async (taskId: string, path: string, task: object = {}) => {
    const finished = await harness.run({ ...SHOW, image: { type: 'task-image', taskId, path } }, task);
    if (finished.run.state === 'completed') loaded.add(localName(taskId, path));
    return finished;
  };

  const imageId = async (name: string): Promise<string> => (await harness.docker.getImage(name).inspect()).Id;

  for (const [file, pack] of Object.entries(PACK)) {
    it(`is loaded and runs a task: ${file}`, async () => {
      const path = `public/${file}`;
      const content = pack(saved);
      const taskId = await publish(path, content);
      const { run: result, log } = await run(taskId, path);
      assert.equal(result.state, 'completed', log);
      assert.match(log, /in the image/);
      assert.match(log, new RegExp(`Loading the image: artifact "${path}" of task ${taskId}`));
      assert.match(log, /Downloaded [\d.]+ MB in [\d.]+ s \([\d.]+ MB\/s\)/);
      assert.match(log, new RegExp(`artifact sha256 ${sha256(content)}`));
      assert.equal(await imageId(localName(taskId, path)), await imageId(TEST_IMAGE));
    });
  }

  it('is not loaded again for the next task', async () => {
    const taskId = await publish('public/image.tar', saved);
    await run(taskId, 'public/image.tar');
    const { run: again, log } = await run(taskId, 'public/image.tar');
    assert.equal(again.state, 'completed', log);
    assert.doesNotMatch(log, /Loading the image/);
    const id = await imageId(TEST_IMAGE);
    assert.ok(log.includes(`] Image 'public/image.tar' from task '${taskId}' loaded.  Using image ID ${id}.\n`), log);
  });

  it('may be stored with a content encoding; its hash is that of the decoded file', async () => {
    const taskId = await publish('public/image.tar', gzipSync(saved), 'gzip');
    const { run: result, log } = await run(taskId, 'public/image.tar');
    assert.equal(result.state, 'completed', log);
    assert.match(log, new RegExp(`artifact sha256 ${sha256(saved)}`));
  });

  it('may be an OCI layout', async () => {
    const name = `docker-worker/must-not-be-${process.pid}:latest`;
    const taskId = await publish('public/image.tar', await tarOf(await ociFiles('oci', name)));
    const finished = await harness.run({ image: { type: 'task-image', taskId, path: 'public/image.tar' } });
    // The image contains no program: it is loaded, but its container cannot start.
    assert.match(finished.log, /Loaded the image in/);
    loaded.add(localName(taskId, 'public/image.tar'));
    await assert.rejects(imageId(name), { statusCode: 404 });
  });

  it('requires a scope of the task when it is not public', async () => {
    const path = 'private/image.tar';
    const scope = `queue:get-artifact:${path}`;
    const taskId = await publish(path, saved);
    const refused = await run(taskId, path);
    assert.equal(refused.run.state, 'failed');
    assert.match(refused.log, new RegExp(`not public, and the task lacks the scope ${scope}`));
    const { run: result, log } = await run(taskId, path, { scopes: [scope] });
    assert.equal(result.state, 'completed', log);
    assert.doesNotMatch(log, /bewit/);
    // The scope is required even though the image is on the machine now.
    const { log: still } = await run(taskId, path);
    assert.match(still, new RegExp(`lacks the scope ${scope}`));
  });

  it('is looked up in the index for each task', async () => {
    const { rootUrl, credentials } = harness.taskcluster;
    const index = new clients.Index({ rootUrl, credentials });
    const namespace = 'images.test.latest';
    const image = { type: 'indexed-image', namespace, path: 'public/image.tar' };
    const task = { scopes: [`index:find-task:${namespace}`] };
    const missing = await harness.run({ ...SHOW, image }, task);
    assert.equal(missing.run.state, 'failed');
    assert.match(missing.log, /there is no task in the index at "images\.test\.latest"/);
    for (const rank of [1, 2]) {
      const taskId = await publish('public/image.tar', saved);
      const expires = new Date(Date.now() + 3600_000).toISOString();
      await index.insertTask(namespace, { taskId, rank, data: {}, expires });
      const { run: result, log } = await harness.run({ ...SHOW, image }, task);
      assert.equal(result.state, 'completed', log);
      loaded.add(localName(taskId, image.path));
      assert.match(log, new RegExp(`Task ${taskId} is indexed as "${namespace}"`));
      assert.match(log, new RegExp(`Loading the image: artifact "public/image.tar" of task ${taskId}`));
      assert.match(log, new RegExp(`Image 'public/image.tar' from task '${taskId}' loaded\\.  Using image ID sha256:`));
    }
  });

  for (const contentEncoding of [undefined, 'gzip']) {
    it(`is downloaded completely over a connection that is cut three times (content encoding: ${contentEncoding ?? 'none'})`, async () => {
      const taskId = await publish('public/image.tar', contentEncoding ? gzipSync(saved) : saved, contentEncoding);
      const where = { key: `${taskId}/*` };
      const cuts = harness.taskcluster.faults.add({
        call: 'objects.GET',
        fault: { kind: 'reset-mid-body' },
        times: 3,
        where,
      });
      const { run: result, log } = await run(taskId, 'public/image.tar');
      assert.equal(result.state, 'completed', log);
      assert.equal(cuts.hits, 3);
      assert.match(
        log,
        /Loading failed \(attempt 3\): the connection to .* failed .*\. Resuming after [\d.]+ MB in 0 s/,
      );
      assert.doesNotMatch(log, /Starting again/);
      assert.match(log, new RegExp(`artifact sha256 ${sha256(saved)}`));
    });
  }

  it('causes an internal-error when its download keeps failing', async () => {
    const taskId = await publish('public/image.tar', saved);
    const fault = { kind: 'status', status: 503 } as const;
    const rule = harness.taskcluster.faults.add({
      call: 'objects.GET',
      fault,
      times: 100,
      where: { key: `${taskId}/*` },
    });
    const { run: result, log } = await run(taskId, 'public/image.tar');
    rule.remove();
    assert.equal(result.reasonResolved, 'internal-error');
    assert.equal(rule.hits, 5);
    assert.match(log, /Pulling docker image has failed\.\n\[taskcluster:error\] Error: .* answered 503 .*5 attempts\)/);
  });

  it('fails the task at once when it does not exist', async () => {
    const taskId = await publish('public/image.tar', saved);
    const { run: result, log } = await run(taskId, 'public/other.tar');
    assert.equal(result.state, 'failed');
    assert.match(log, /answered 404 .*1 attempt\)\. Check payload\.image, and that its task has published/);
  });

  for (const [file, pack] of Object.entries(PACK)) {
    it(`is recognized by its content when its name has no extension: ${file}`, async () => {
      const taskId = await publish('public/image', pack(saved));
      const { run: result, log } = await run(taskId, 'public/image');
      assert.equal(result.state, 'completed', log);
    });
  }

  it('may be compressed with the longest window of zstd', async () => {
    const packed = execFileSync('zstd', ['-qc1', '--ultra', '--long=31'], { ...MAX, input: saved });
    const taskId = await publish('public/image.tar.zst', packed);
    const { run: result, log } = await run(taskId, 'public/image.tar.zst');
    assert.equal(result.state, 'completed', log);
  });

  it('may be a tar of a directory, whose names begin with ./', async () => {
    const files = await unpackedFiles(saved);
    const dotted = [
      { name: './', type: 'directory' as const },
      ...files.map((file) => ({ ...file, name: `./${file.name}` })),
    ];
    const taskId = await publish('public/image.tar', await tarOf(dotted));
    const { run: result, log } = await run(taskId, 'public/image.tar');
    assert.equal(result.state, 'completed', log);
  });

  it('may be for several platforms, including that of this machine', async () => {
    const programs = layersOf(await unpackedFiles(saved));
    const files = ociOf(['linux/of-another', PLATFORM], programs);
    const taskId = await publish('public/image.tar', await tarOf(files));
    const { run: result, log } = await run(taskId, 'public/image.tar');
    assert.equal(result.state, 'completed', log);
    const none = await publish('public/image.tar', await tarOf(ociOf(['linux/a', 'linux/b'], programs)));
    const refused = await run(none, 'public/image.tar');
    assert.equal(refused.run.state, 'failed');
    assert.match(refused.log, /it has an image for each of linux\/a, linux\/b, and none for this machine/);
  });

  it('may be an archive of Docker before 1.10', async () => {
    const [programs = assert.fail()] = layersOf(await unpackedFiles(saved)).slice(-1);
    const files = await legacyFiles(['base', 'top'], { 'some/name': { latest: 1 } });
    const withPrograms = files.map((file) =>
      file.name === `${legacyId(1)}/layer.tar` ? { ...file, content: programs } : file,
    );
    const taskId = await publish('public/image.tar', await tarOf(withPrograms));
    const { run: result, log } = await run(taskId, 'public/image.tar');
    assert.equal(result.state, 'completed', log);
    assert.match(log, /has to be read twice/);
    await assert.rejects(imageId('some/name:latest'), { statusCode: 404 });
  });

  it('may have a configuration without a config, and runs when the payload has a command', async () => {
    const programs = layersOf(await unpackedFiles(saved));
    const taskId = await publish('public/image.tar', await tarOf(ociOf([PLATFORM], programs)));
    const { run: result, log } = await run(taskId, 'public/image.tar');
    assert.equal(result.state, 'completed', log);
  });

  it('fails the task with advice when it is an archive of docker export', async () => {
    const container = await harness.docker.createContainer({ Image: TEST_IMAGE });
    try {
      const exported = await buffer(await container.export());
      const taskId = await publish('public/image.tar', exported);
      const { run: result, log } = await run(taskId, 'public/image.tar');
      assert.equal(result.state, 'failed');
      assert.match(log, /as docker export writes them, and no image\. .*docker commit.*docker save/);
    } finally {
      await container.remove();
    }
  });
});
