import assert from 'node:assert/strict';
import Docker from 'dockerode';
import { outputOf, KillableWorker } from '../../support/killable-worker.js';
import { skipBecause } from '../../support/skip-because.js';
import { needsDeniedPort, unprivilegedUser } from '../../support/unprivileged-user.js';
import type { UnprivilegedUser } from '../../support/unprivileged-user.js';
import { until } from '../../support/until.js';

const DIND_IMAGE = 'docker-worker/test-dind:latest';
const PROXY = { features: { taskclusterProxy: true } };

describe('a worker that is not root', () => {
  let user: UnprivilegedUser;
  let worker: KillableWorker | undefined;
  before(async function () {
    user = await unprivilegedUser(this);
  });
  afterEach(async function () {
    if (this.currentTest?.state === 'failed') process.stdout.write(worker?.program.stdout ?? '');
    await worker?.remove();
    worker = undefined;
  });

  const create = async (settings: object): Promise<KillableWorker> => {
    worker = await KillableWorker.create(settings, { user });
    worker.start();
    return worker;
  };

  it('continues a run with its proxy at the same free port', async function () {
    await needsDeniedPort(this, 80);
    // The test reads what the container prints from Docker, too.
    const task = { container: { logDriver: 'local' } };
    const started = await create({ taskclusterProxy: { freePortFallback: true }, task });
    const get = 'timeout 5 wget -q -O - $TASKCLUSTER_PROXY_URL/api/queue/v1/ping >/dev/null 2>&1';
    const taskId = await started.createTask(
      `${get} && echo first
      while ${get}; do sleep 0.1; done; echo away
      until ${get}; do sleep 0.1; done; echo again`,
      PROXY,
    );
    const printed = (word: string) => async () => (await outputOfContainer(started)).includes(word);
    await until('the proxy answered', printed('first'), { pollMs: 100 });
    await started.kill();
    await until('the task misses the proxy', printed('away'), { pollMs: 100 });
    const next = started.start();
    await next.prints('"type":"container adopted"');
    const { run, log } = await started.ended(taskId);
    assert.equal(run.state, 'completed', log);
    assert.equal(outputOf(log).output, 'first\r\naway\r\nagain\r\n');
    assert.equal(log.match(/ip_unprivileged_port_start/g)?.length, 1, log);
    await started.stop();
    await started.assertNothingLeft();
  });

  it('has no proxy unless it is configured to take another port, and the log says so', async function () {
    await needsDeniedPort(this, 80);
    const started = await create({});
    const taskId = await started.createTask('echo never', PROXY);
    const { run, log } = await started.ended(taskId);
    assert.equal(run.reasonResolved, 'internal-error', log);
    assert.match(log, /the proxy cannot listen: .*EACCES.*taskclusterProxy\.freePortFallback/);
    await started.stop();
  });

  it('runs tasks with dind, whose daemon lets only root in', async function () {
    const hasImage = await new Docker()
      .getImage(DIND_IMAGE)
      .inspect()
      .then(
        () => true,
        () => false,
      );
    if (!hasImage) skipBecause(this, 'docker itself is not on this machine, so that no image of it could be made');
    const started = await create({ features: { dind: { enabled: true } }, dindImage: DIND_IMAGE });
    const taskId = await started.createTask('docker version && echo "It answers."', {
      image: DIND_IMAGE,
      features: { dind: true },
    });
    const { run, log } = await started.ended(taskId);
    assert.equal(run.state, 'completed', log);
    assert.match(log, /It answers\./);
    await started.stop();
    await started.assertNothingLeft();
  });
});

/** What the task has printed so far, as the engine knows it; empty without a container. */
async function outputOfContainer(worker: KillableWorker): Promise<string> {
  const [id] = await worker.containers();
  if (id === undefined) return '';
  return (await worker.docker.getContainer(id).logs({ stdout: true, stderr: true })).toString();
}
