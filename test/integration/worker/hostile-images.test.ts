import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createHash } from 'node:crypto';
import { manifestOf, tarOf, tinyImage } from '../../support/image-archive.js';
import type { TarFile, TinyImage } from '../../support/image-archive.js';
import { publishedTask, referringTask } from '../../support/published-task.js';
import { TEST_IMAGE } from '../../support/test-task.js';
import { WorkerHarness } from '../../support/worker-harness.js';

const PATH = 'public/image.tar';
const FOREIGN = `docker-worker/hostile-${process.pid}:latest`;

describe('a hostile image archive', () => {
  let harness: WorkerHarness;
  let mine: TinyImage;
  let testImageId: string;

  before(async () => {
    harness = await WorkerHarness.start({ settings: { dockerConfig: { maxAttempts: 2, delayFactor: 10 } } });
    mine = await tinyImage(`hostile ${process.pid}`, [FOREIGN, TEST_IMAGE]);
    testImageId = (await harness.docker.getImage(TEST_IMAGE).inspect()).Id;
  });
  after(() => harness.close());

  const localName = (taskId: string): string =>
    createHash('md5')
      .update(taskId + PATH)
      .digest('hex');

  const isThere = async (image: string): Promise<boolean> =>
    await harness.docker
      .getImage(image)
      .inspect()
      .then(
        () => true,
        (error: unknown) => {
          assert.equal((error as { statusCode: number }).statusCode, 404);
          return false;
        },
      );

  /** Checks that nothing of the archive is in the engine, and that existing images are unchanged. */
  const checkUntouched = async (taskId: string): Promise<void> => {
    for (const name of [FOREIGN, localName(taskId), mine.id]) assert.equal(await isThere(name), false, name);
    assert.equal((await harness.docker.getImage(TEST_IMAGE).inspect()).Id, testImageId);
  };

  const attack = async (taskId: string, words: RegExp, reason = 'failed'): Promise<void> => {
    const { run, log } = await harness.run({ image: { type: 'task-image', taskId, path: PATH } });
    assert.equal(run.reasonResolved, reason, log);
    assert.match(log, /Pulling docker image has failed\.\n\[taskcluster:error\] Error: /);
    assert.match(log, words);
    await checkUntouched(taskId);
  };

  const publish = async (content: Buffer): Promise<string> => publishedTask(harness.queue, { [PATH]: { content } });

  const attacks: Readonly<Record<string, readonly [files: (image: TinyImage) => readonly TarFile[], words: RegExp]>> = {
    'with two images': [
      ({ files, item }) => [...files, manifestOf(item, { ...item, RepoTags: [TEST_IMAGE] })],
      /Image tarballs must only contain one image/,
    ],
    'with a second manifest': [({ files, item }) => [...files, manifestOf(item), manifestOf(item)], /two entries/],
    'with a name that leads out': [
      ({ files, item }) => [...files, { name: '../../escaped', content: 'x' }, manifestOf(item)],
      /an entry with the name "\.\.\/\.\.\/escaped"/,
    ],
    'with a link that leads out': [
      ({ files, item }) => [
        ...files,
        { name: 'a/layer.tar', type: 'symlink', linkname: '../../../etc/shadow' },
        manifestOf({ ...item, Layers: ['a/layer.tar'] }),
      ],
      /is a link to "\.\.\/\.\.\/\.\.\/etc\/shadow", which is not in the archive/,
    ],
    'whose config is elsewhere': [
      ({ files, item }) => [...files, manifestOf({ ...item, Config: '../../../etc/passwd' })],
      /which is not a file in the archive/,
    ],
    'whose manifest is huge': [
      ({ files }) => [...files, { name: 'manifest.json', content: `[${' '.repeat(5e6)}]` }],
      /metadata .* is more than 4194304 bytes/,
    ],
    'whose layer is not what its config says': [
      ({ files, item }) => [
        { ...files[0], name: item.Layers[0] ?? '', content: 'other' },
        ...files.slice(1),
        manifestOf(item),
      ],
      /Error: .*(diff|layer|archive|EOF)/i,
    ],
  };
  for (const [name, [files, words]] of Object.entries(attacks)) {
    it(`${name} is refused, and nothing of it is loaded`, async () => {
      await attack(await publish(await tarOf(files(mine))), words);
    });
  }

  it('that breaks off is refused, and nothing of it is loaded', async () => {
    const whole = await tarOf([...mine.files, manifestOf(mine.item)]);
    await attack(await publish(whole.subarray(0, whole.length - 1024)), /it is truncated/);
  });

  it('that names other images gets only the local name', async () => {
    const repositories = { name: 'repositories', content: JSON.stringify({ 'docker-worker/test': { latest: 'x' } }) };
    const taskId = await publish(await tarOf([...mine.files, manifestOf(mine.item), repositories]));
    const { log } = await harness.run({ image: { type: 'task-image', taskId, path: PATH } });
    assert.match(log, /Loaded the image in/);
    const { RepoTags, Id } = await harness.docker.getImage(mine.id).inspect();
    assert.deepEqual([RepoTags, Id], [[`${localName(taskId)}:latest`], mine.id]);
    await harness.removeImage(localName(taskId));
    await checkUntouched(taskId);
  });

  describe('from a server with a wrong content length', () => {
    let server: Server;
    let content: Buffer;
    before(async () => {
      content = await tarOf([...mine.files, manifestOf(mine.item)]);
      server = createServer((request, response) => {
        // The archive is complete, but its declared length is too large or too small.
        const length = content.length + (request.url === '/longer' ? 512 : -1024);
        response.writeHead(200, { 'content-length': length });
        response.write(content.subarray(0, length), () => response.destroy());
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    });
    after(() => {
      server.closeAllConnections();
      server.close();
    });

    for (const [lie, words, reason] of [
      ['longer', /the connection to .* failed .*2 attempts.*The creator of the artifact/, 'failed'],
      ['shorter', /it is truncated/, 'failed'],
    ] as const) {
      it(`is not loaded if it is declared ${lie} than it is`, async () => {
        const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/${lie}`;
        await attack(await referringTask(harness.queue, PATH, url), words, reason);
      });
    }
  });
});
