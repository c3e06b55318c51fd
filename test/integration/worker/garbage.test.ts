import assert from 'node:assert/strict';
import Docker from 'dockerode';
import { nice as newSlugid } from 'slugid';
import { LABEL } from '../../../src/lib/docker/engine.js';
import type { Labels } from '../../../src/lib/docker/engine.js';
import { IsolatedDaemon } from '../../support/docker-daemon.js';
import { skipBecause } from '../../support/skip-because.js';
import { shell, TEST_IMAGE } from '../../support/test-task.js';
import { until } from '../../support/until.js';
import { WorkerHarness } from '../../support/worker-harness.js';

describe('garbage in the engine of a machine that belongs to the worker', function () {
  let daemon: IsolatedDaemon;
  let docker: Docker;
  let harness: WorkerHarness;

  before(async function () {
    if (process.getuid?.() !== 0) skipBecause(this, 'a second Docker daemon needs root');
    daemon = await IsolatedDaemon.start();
    docker = new Docker({ socketPath: daemon.socketPath });
    harness = await WorkerHarness.start({
      settings: {
        docker: { socketPath: daemon.socketPath },
        // A call that hangs is soon retried.
        taskQueue: { pollInterval: 50, callTimeout: 3000 },
        garbageCollection: { interval: 50, containerExpiration: 1000, imageExpiration: 1000, wholeMachine: true },
      },
    });
  });
  after(async () => {
    await harness.close();
    await daemon.stop();
  });

  /** Adds a name to the test image, which may be removed. */
  const named = async (repo: string): Promise<string> => {
    await docker.getImage(TEST_IMAGE).tag({ repo, tag: 'latest' });
    return `${repo}:latest`;
  };
  const containers = async (): Promise<readonly string[]> =>
    (await docker.listContainers({ all: true })).map(({ Id }) => Id);
  const add = async (command: readonly string[], labels: Labels = {}): Promise<Docker.Container> => {
    const container = await docker.createContainer({
      Image: TEST_IMAGE,
      Cmd: [...command],
      Labels: labels,
      StopSignal: 'SIGKILL',
    });
    await container.start();
    return container;
  };

  it('is removed with an alert if it is a container that ended long ago; a running one stays', async () => {
    const running = await add(['sleep', '600']);
    const ended = await add(['true']);
    await ended.wait();
    await harness.log.next('stale container');
    assert.deepEqual(
      harness.log.of('stale container').map(({ level, fields }) => [level, fields['containerId']]),
      [['alert', ended.id]],
    );
    assert.deepEqual(await containers(), [running.id]);
    await running.remove({ force: true });
  });

  it('of an ended run is removed at once, and of an active run never, however long ago its command ended', async () => {
    const image = await named('docker-worker/in-use');
    const taskId = newSlugid();
    const where = { taskId, name: 'public/made' };
    const created = harness.taskcluster.faults.add({ call: 'queue.createArtifact', where, fault: { kind: 'hang' } });
    const isCreated = created.hit();
    const artifacts = { 'public/made': { type: 'file', path: '/made' } };
    await harness.create({ image, ...shell('echo made >/made'), artifacts }, {}, taskId);
    await isCreated;
    const [own, ...others] = await docker.listContainers({ all: true });
    assert.ok(own && others.length === 0);
    assert.equal(own.State, 'exited');
    // Of the same worker, as if left behind by an earlier process.
    const labels = { ...own.Labels, [LABEL.taskId]: newSlugid() };
    const left = await docker.createContainer({ Image: TEST_IMAGE, Cmd: ['sleep', '600'], Labels: labels });
    // It may be gone already.
    await left.start().catch(() => undefined);
    const network = await docker.createNetwork({ Name: 'left', Labels: labels });
    const foreign = await docker.createNetwork({ Name: 'foreign' });
    await docker.createVolume({ Name: 'left', Labels: labels });
    const isGone = async (thing: { inspect(): Promise<unknown> }): Promise<boolean> =>
      await thing.inspect().then(
        () => false,
        () => true,
      );
    for (const thing of [left, network, docker.getVolume('left')]) {
      await until('what was left is removed', () => isGone(thing));
    }
    // Waits until it would be stale.
    const end = new Date((await docker.getContainer(own.Id).inspect()).State.FinishedAt).getTime();
    while (Date.now() < end + 1500) await harness.log.upcoming('garbage collection finished');
    assert.deepEqual(await containers(), [own.Id]);
    assert.equal(await isGone(docker.getImage(image)), false);
    created.remove();
    const { run } = await harness.finish(taskId);
    assert.equal(run.state, 'completed');
    assert.equal(await harness.artifactText(taskId, 'public/made'), 'made\n');
    await foreign.remove();
  });

  it('is removed some time after its last use if it is an image', async () => {
    const image = await named('docker-worker/used-once');
    const { run } = await harness.run({ image });
    assert.equal(run.state, 'completed');
    await until(`${image} is removed`, () => harness.log.of('image removed').map(({ fields }) => fields['image']), {
      isDone: (removed) => removed.includes(image),
    });
    await assert.rejects(docker.getImage(image).inspect(), { statusCode: 404 });
    await docker.getImage(TEST_IMAGE).inspect();
  });
});
