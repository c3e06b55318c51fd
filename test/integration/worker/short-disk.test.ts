import assert from 'node:assert/strict';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DockerRegistry } from '../../support/docker-registry.js';
import { SmallDisk } from '../../support/small-disk.js';
import { shell } from '../../support/test-task.js';
import { until } from '../../support/until.js';
import { WorkerHarness } from '../../support/worker-harness.js';

const MB = 1024 * 1024;

describe('a disk that runs short of space', function () {
  let disk: SmallDisk;
  let registry: DockerRegistry;
  let harness: WorkerHarness;

  before(async function () {
    disk = await SmallDisk.mount(this, 100);
    registry = await DockerRegistry.start({ isPrivate: false });
  });
  afterEach(() => harness.close());
  after(async () => {
    await registry.close();
    await disk.unmount();
  });

  const startWorker = async (intervalMs: number): Promise<void> => {
    harness = await WorkerHarness.start({
      settings: {
        capacity: 1,
        dockerVolume: disk.directory,
        capacityManagement: { diskspaceThreshold: 60 * MB },
        // Nothing is removed except for lack of space.
        garbageCollection: { interval: intervalMs, imageExpiration: 24 * 3600_000 },
      },
    });
  };

  const use = (cache: string, megabytes: number, payload: object = {}): Promise<string> =>
    harness.create(
      { ...shell(`dd if=/dev/zero of=/cache/file bs=1M count=${megabytes}`), cache: { [cache]: '/cache' }, ...payload },
      { scopes: ['docker-worker:cache:*'] },
    );
  const stateOf = async (taskId: string): Promise<string> => (await harness.finish(taskId)).run.state;
  const removed = (event: string): readonly unknown[] =>
    harness.log.of(event).map(({ fields }) => fields['name'] ?? fields['image']);

  it('has unused images and caches removed before the next task is claimed', async () => {
    // Collects only before a claim: a periodic collection could find the disk short after it has passed the images.
    await startWorker(24 * 3600_000);
    await registry.publish(harness.docker, 'us/app', 'v1');
    const image = `${registry.host}/us/app:v1`;
    assert.equal(await stateOf(await use('old', 20, { image })), 'completed');
    assert.equal(await stateOf(await use('new', 10)), 'completed');
    assert.deepEqual([removed('cache volume removed'), removed('image removed')], [[], []]);
    assert.equal(await stateOf(await use('big', 50)), 'completed');
    assert.equal(await stateOf(await use('new', 10)), 'completed');
    // First the images, which free no space on this disk; then the least recently used caches, until there is space.
    assert.deepEqual(removed('image removed'), [image]);
    assert.ok(harness.log.events.indexOf('image removed') < harness.log.events.indexOf('cache volume removed'));
    assert.deepEqual(removed('cache volume removed').slice(0, 2), ['old', 'new']);
    assert.deepEqual(harness.log.of('diskspace threshold reached'), []);
  });

  it('keeps tasks waiting, with an alert, until there is space, if nothing can be removed', async () => {
    await startWorker(200);
    // The worker claims nothing while it runs, so that the next claim finds the disk full.
    const running = await harness.create(shell('echo running; sleep 600'));
    await harness.sees(running, 'running');
    const foreign = join(disk.directory, 'not-of-the-worker');
    const file = await open(foreign, 'w');
    await file.writeFile(Buffer.alloc(60 * MB));
    await file.close();
    await harness.queue.cancelTask(running);
    const alert = await harness.log.next('diskspace threshold reached');
    assert.equal(alert.level, 'alert');
    assert.equal(alert.fields['thresholdBytes'], 60 * MB);
    const taskId = await use('another', 1);
    const collections = (): number => harness.log.of('garbage collection finished').length;
    const enough = collections() + 3;
    await until('three more collections', collections, { isDone: (count) => count >= enough });
    assert.equal((await harness.queue.status(taskId)).status.state, 'pending');
    assert.equal(harness.log.of('diskspace threshold reached').length, 1);
    await rm(foreign);
    assert.equal(await stateOf(taskId), 'completed');
    const { events } = harness.log;
    assert.ok(events.lastIndexOf('claimed task') > events.indexOf('diskspace available again'));
  });
});
