import assert from 'node:assert/strict';
import { LABEL } from '../../../src/lib/docker/engine.js';
import { InterveningEngine } from '../../support/intervening-engine.js';
import { TEST_IMAGE, shell } from '../../support/test-task.js';
import { WorkerHarness } from '../../support/worker-harness.js';

const GONE = /\n\[taskcluster:error\] .*the container is gone: something other than this worker removed it/;

describe('removal by something other than the worker', function () {
  this.timeout(120_000);
  let engine: InterveningEngine;
  let harness: WorkerHarness;

  before(async () => {
    engine = await InterveningEngine.start();
    harness = await WorkerHarness.start({ settings: { docker: { socketPath: engine.socketPath } } });
  });
  afterEach(() => {
    engine.intervene = () => undefined;
  });
  after(async () => {
    await harness.close();
    await engine.close();
  });

  const removeContainers = async (): Promise<void> => {
    const ids = await harness.containers();
    await Promise.all(ids.map((id) => harness.docker.getContainer(id).remove({ force: true })));
  };
  /** Removes once, before the first matching request reaches the engine. */
  const removeBefore = (request: RegExp, remove = removeContainers): void => {
    let removal: Promise<void> | undefined;
    engine.intervene = (text) => (request.test(text) ? (removal ??= remove()) : undefined);
  };
  const artifacts = {
    'public/file': { type: 'file', path: '/made' },
    'public/missing': { type: 'file', path: '/nowhere' },
    'public/directory': { type: 'directory', path: '/out' },
  };
  const MAKES = 'mkdir /out; echo one >/out/one; echo made >/made';

  it('of a running container ends the run at once as an internal error, with all its output', async () => {
    const payload = { ...shell('echo running; sleep 600'), maxRunTime: 600, artifacts };
    const taskId = await harness.create(payload);
    await harness.sees(taskId, 'running');
    await removeContainers();
    const { run, log } = await harness.finish(taskId);
    assert.equal(run.reasonResolved, 'internal-error', log);
    assert.match(log, GONE);
    assert.match(log, /\nrunning\r\n/);
    assert.doesNotMatch(log, /exit code: 137|not found at/);
  });

  for (const [what, request] of [
    ['before it is attached to', /^POST \/containers\/\w+\/attach/],
    ['before it is started', /^POST \/containers\/\w+\/start/],
  ] as const) {
    it(`of a container ${what} is an internal error`, async () => {
      removeBefore(request);
      const { run, log } = await harness.run(shell('echo running'));
      assert.equal(run.reasonResolved, 'internal-error', log);
      assert.match(log, /[Nn]o such container/);
      assert.doesNotMatch(log, /Check payload\.command/);
    });
  }

  for (const exit of [0, 3]) {
    it(`of a container that exited with ${exit} is an internal error when artifacts are lost with it`, async () => {
      removeBefore(/^(GET|HEAD) \/containers\/\w+\/archive/);
      const { run, log } = await harness.run({ ...shell(`${MAKES}; exit ${exit}`), artifacts });
      assert.equal(run.reasonResolved, 'internal-error', log);
      assert.match(log, GONE);
      assert.doesNotMatch(log, /not found at/);
    });
  }

  it('of an ended container does not matter when nothing in it is needed any more', async () => {
    removeBefore(/^DELETE \/containers\//);
    assert.equal((await harness.run(shell('true'))).run.state, 'completed');
    removeBefore(/^GET \/containers\/\w+\/json/);
    const { run, log } = await harness.run(shell('exit 3'));
    assert.deepEqual([run.state, run.reasonResolved], ['failed', 'failed'], log);
    assert.match(log, /exit code: 3 completed/);
  });

  it('is distinguished from artifacts that a task did not create', async () => {
    const { run, log } = await harness.run({ ...shell(MAKES), artifacts });
    assert.equal(run.state, 'completed', log);
    assert.match(log, /Artifact "public\/missing" not found at "\/nowhere"/);
  });

  it('of the network of a task is an internal error, not the fault of its command', async () => {
    removeBefore(/^POST \/containers\/\w+\/start/, async () => {
      const filters = { label: [`${LABEL.workerId}=${harness.workerId}`] };
      for (const { Id } of await harness.docker.listNetworks({ filters })) await harness.docker.getNetwork(Id).remove();
    });
    const { run, log } = await harness.run({ ...shell('true'), features: { taskclusterProxy: true } });
    assert.equal(run.reasonResolved, 'internal-error', log);
    assert.match(log, /network .*not found.* something other than this worker removed it/);
    assert.equal(
      (await harness.run({ ...shell('true'), features: { taskclusterProxy: true } })).run.state,
      'completed',
    );
  });

  it('of the image of a task is an internal error, not the fault of its command', async () => {
    const name = `docker-worker/removed-${harness.workerId.toLowerCase().replace(/[^a-z]/g, '')}:latest`;
    const source = await harness.docker.createContainer({ Image: TEST_IMAGE, Cmd: ['true'] });
    await source.commit({ repo: name.replace(/:.*/, ''), tag: 'latest', comment: name });
    await source.remove();
    removeBefore(/^POST \/containers\/create/, () => harness.docker.getImage(name).remove());
    const { run, log } = await harness.run({ ...shell('true'), image: name });
    assert.equal(run.reasonResolved, 'internal-error', log);
    assert.match(log, /No such image: .* something other than this worker removed it/);
  });
});
