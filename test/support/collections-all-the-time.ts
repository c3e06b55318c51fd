import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { DockerRegistry } from './docker-registry.js';
import { publishedTask } from './published-task.js';
import { SmallDisk } from './small-disk.js';
import { shell, TEST_IMAGE } from './test-task.js';
import { until } from './until.js';
import { WorkerHarness } from './worker-harness.js';

const CAPACITY = 4;
const DISK_MB = 100;
const PATH = 'public/image.tar';
const CACHES = ['one', 'two', 'three'];
/** Fails when its cache is not its own, or is gone, while it runs. */
const USE_CACHE = 'echo $TASK_ID >/cache/file; sleep 0.$((RANDOM % 3)); test "$(cat /cache/file)" = "$TASK_ID"';

interface TaskImage {
  readonly type: 'task-image';
  readonly taskId: string;
  readonly path: string;
}

/** The tests of `count` tasks, four at a time, with images and caches that are removed as soon as nobody uses them. */
export function testCollectionsAllTheTime(count: number): void {
  describe(`${count} tasks, four at a time, while garbage is collected all the time`, function () {
    this.timeout(900_000);
    let disk: SmallDisk;
    let registry: DockerRegistry;
    let harness: WorkerHarness;
    let images: readonly (string | TaskImage)[];
    let caches: string;

    before(async function () {
      disk = await SmallDisk.mount(this, DISK_MB);
      caches = join(disk.directory, 'caches');
      registry = await DockerRegistry.start({ isPrivate: false });
      harness = await WorkerHarness.start({
        settings: {
          capacity: CAPACITY + 1,
          dockerVolume: disk.directory,
          cache: { volumeCachePath: caches },
          // Room for four tasks, but not for all five slots: the disk is short however many run.
          capacityManagement: { diskspaceThreshold: Math.floor((DISK_MB * 1024 * 1024) / (CAPACITY + 0.5)) },
          garbageCollection: { interval: 10, imageExpiration: 0, containerExpiration: 0 },
        },
      });
      const digest = await registry.publish(harness.docker, 'us/app', 'v1');
      await registry.publish(harness.docker, 'us/other', 'v1');
      const name = (rest: string): string => `${registry.host}/us/${rest}`;
      const saved = await buffer(await harness.docker.getImage(TEST_IMAGE).get());
      const taskId = await publishedTask(harness.queue, { [PATH]: { content: saved } });
      // The first two are one image, of which the engine drops both names with the first.
      images = [name('app:v1'), name(`app@${digest}`), name('other:v1'), { type: 'task-image', taskId, path: PATH }];
    });
    after(async () => {
      await harness.close();
      await registry.close();
      await disk.unmount();
    });

    it('completes all of them, and no image or cache is left when they are over', async () => {
      const scopes = { scopes: ['docker-worker:cache:*'] };
      const startedAt = performance.now();
      const tasks = await Promise.all(
        Array.from({ length: count }, (_, number) => {
          // Two of the tasks that run at once want the same one.
          const image = images[Math.floor(number / 2) % images.length];
          const cache = { [CACHES[number % CACHES.length] ?? '']: '/cache' };
          return harness.create({ ...shell(USE_CACHE), image, cache }, scopes);
        }),
      );
      for (const taskId of tasks) {
        const { fields } = await harness.log.next('task resolved', taskId);
        const { status } = await harness.queue.status(taskId);
        assert.equal(status.state, 'completed', JSON.stringify(fields));
        assert.equal(status.runs.length, 1);
      }
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
      const countOf = (event: string): number => harness.log.of(event).length;
      const [collections, gone, deleted] = ['garbage collection finished', 'image removed', 'cache volume removed'].map(
        countOf,
      );
      const sum = `${collections} collections, ${gone} images and ${deleted} caches removed`;
      process.stdout.write(`      ${count} tasks in ${seconds} s, ${sum}\n`);
      assert.ok((collections ?? 0) > count && (gone ?? 0) > images.length && (deleted ?? 0) > CACHES.length, sum);
      assert.deepEqual(
        harness.log.records.filter(({ level }) => level === 'error' || level === 'alert'),
        [],
      );
      for (const image of images) {
        const name = typeof image === 'string' ? image : localName(image);
        await until(`${name} is removed`, () => isThere(name), { isDone: (is) => !is });
      }
      for (const name of CACHES) {
        await until(`cache ${name} is empty`, () => readdir(join(caches, name)), {
          isDone: ({ length }) => length === 0,
        });
      }
    });

    const isThere = (image: string): Promise<boolean> =>
      harness.docker
        .getImage(image)
        .inspect()
        .then(
          () => true,
          (error: unknown) => {
            assert.equal((error as { readonly statusCode?: number }).statusCode, 404);
            return false;
          },
        );
  });
}

const localName = ({ taskId }: TaskImage): string =>
  `${createHash('md5')
    .update(taskId + PATH)
    .digest('hex')}:latest`;
