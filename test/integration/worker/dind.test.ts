import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { load } from 'js-yaml';
import { skipBecause } from '../../support/skip-because.js';
import { shell } from '../../support/test-task.js';
import { WorkerHarness } from '../../support/worker-harness.js';

const IMAGE = 'docker-worker/test-dind:latest';
const NAME = 'container-of-a-task';

describe('a task with dind', function () {
  let harness: WorkerHarness;
  const start = async (isEnabled: boolean): Promise<void> => {
    const settings = { features: { dind: { enabled: isEnabled } }, dindImage: IMAGE };
    harness = await WorkerHarness.start({ settings });
  };
  before(async function () {
    await start(false);
    const hasImage = await harness.docker
      .getImage(IMAGE)
      .inspect()
      .then(
        () => true,
        () => false,
      );
    await harness.close();
    if (!hasImage) skipBecause(this, 'docker itself is not on this machine, so that no image of it could be made');
  });
  afterEach(() => harness.close());

  it('runs the example', async () => {
    await start(true);
    const example = load(await readFile('examples/dind.yml', 'utf8')) as object;
    const { run, log } = await harness.run(example);
    assert.equal(run.state, 'completed', log);
    assert.match(log, /This container is visible only to the task\./);
    assert.match(log, /my-image/);
  });

  it('has containers that the machine’s engine does not know, and leaves nothing of them', async () => {
    await start(true);
    const taskId = await harness.create({
      image: IMAGE,
      ...shell(`mkdir -p /image/bin && cp /bin/busybox /image/bin/sleep && tar c -C /image . | docker import - own
        docker run -d --network none --name ${NAME} own sleep 1000 && docker ps && echo Look.
        rm /var/run/docker.sock || echo "It stays."
        sleep 30`),
      features: { dind: true },
    });
    await harness.sees(taskId, 'Look.');
    const all = await harness.docker.listContainers({ all: true });
    assert.ok(!all.some(({ Names }) => Names.includes(`/${NAME}`)));
    const ours = all.filter(({ Labels }) => Labels['taskcluster.task-id'] === taskId);
    assert.deepEqual(ours.map(({ Labels }) => Labels['taskcluster.role']).sort(), ['sidecar', 'task']);
    const volumes = ours.flatMap(({ Mounts }) => Mounts.flatMap(({ Name }) => Name ?? []));
    // The container of the task has a volume too, as its image is the same.
    assert.equal(volumes.length, 2);
    await harness.queue.cancelTask(taskId);
    const log = await harness.logOf(taskId);
    assert.match(log, new RegExp(`Up .* ${NAME}`));
    assert.match(log, /It stays\./);
    await harness.stopWorker('graceful');
    assert.deepEqual(harness.log.of('resource not released'), []);
    for (const name of volumes) await assert.rejects(harness.docker.getVolume(name).inspect(), /no such volume/i);
  });

  it('is refused when the feature is disabled', async () => {
    await start(false);
    const { run, log } = await harness.run({ features: { dind: true } });
    assert.equal(run.reasonResolved, 'malformed-payload');
    assert.match(log, /dind is not enabled on this worker/);
  });
});
