import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { referringTask } from '../../support/published-task.js';
import { shell, TEST_IMAGE } from '../../support/test-task.js';
import { WorkerHarness } from '../../support/worker-harness.js';

const TASKS = 8;
const PATH = 'public/image.tar';

describe('eight concurrent tasks that need the same missing image', () => {
  let harness: WorkerHarness;
  let server: Server;
  let downloads: number;
  let release: () => void;
  let imageTask: string;

  before(async () => {
    harness = await WorkerHarness.start({ settings: { capacity: TASKS } });
    const saved = await buffer(await harness.docker.getImage(TEST_IMAGE).get());
    const isReleased = new Promise<void>((resolve) => {
      release = resolve;
    });
    downloads = 0;
    // Sends half of the image, and the rest once all tasks wait for it.
    server = createServer((_request, response) => {
      downloads += 1;
      response.writeHead(200, { 'content-length': saved.length });
      response.write(saved.subarray(0, saved.length / 2));
      void isReleased.then(() => response.end(saved.subarray(saved.length / 2)));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    imageTask = await referringTask(harness.queue, PATH, `http://127.0.0.1:${port}/image.tar`);
  });
  after(async () => {
    await harness.close();
    server.close();
    const name = createHash('md5')
      .update(imageTask + PATH)
      .digest('hex');
    await harness.docker.getImage(name).remove();
  });

  it('download it once, and go on when the task that began the download is canceled', async () => {
    const image = { type: 'task-image', taskId: imageTask, path: PATH };
    const first = await harness.create({ ...shell('echo in the image'), image });
    await harness.sees(first, 'Loading the image');
    const others = await Promise.all(
      Array.from({ length: TASKS - 1 }, () => harness.create({ ...shell('echo in the image'), image })),
    );
    await Promise.all(others.map((taskId) => harness.sees(taskId, 'Another task is already fetching the image')));
    await harness.queue.cancelTask(first);
    const canceled = await harness.finish(first);
    assert.equal(canceled.run.reasonResolved, 'canceled');
    assert.match(canceled.log, /Task was canceled by another entity/);
    release();
    for (const taskId of others) {
      const { run, log } = await harness.finish(taskId);
      assert.equal(run.state, 'completed', log);
      assert.match(log, /in the image/);
    }
    assert.equal(downloads, 1);
  });
});
