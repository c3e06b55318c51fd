import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { ArtifactBench, EXPIRES } from '../../fakes/artifact-bench.js';
import { ResourceStack } from '../../../src/lib/util/resource-stack.js';
import { prepareAgain, prepareAndDie } from '../../support/adoption.js';
import { machineInfo } from '../../examples/machine-info.js';
import { withMachineInfoKey } from '../../examples/machine-info-key.js';
import { RunFixture } from '../task/run-fixture.js';
import { PAYLOAD } from '../task/task-fixture.js';

const SCOPES = ['docker-worker:feature:machineInfo:a-provisioner/a-type'];
const never = new AbortController().signal;

describe('the feature machineInfo', () => {
  let bench: ArtifactBench;
  beforeEach(async () => {
    bench = await ArtifactBench.start({ concurrency: 1 });
  });
  afterEach(() => bench.stop());

  it('mounts a file with the facts and deletes it afterwards', async () => {
    const resources = new ResourceStack((what, error) => assert.fail(`${what}: ${String(error)}`));
    const contribution = await machineInfo.attach(bench.task()).prepare?.(resources, never);
    const [bind = ''] = contribution?.binds ?? [];
    const [file = '', ...place] = bind.split(':');
    assert.deepEqual(place, ['/run/machine.json', 'ro']);
    assert.deepEqual(contribution?.env, { MACHINE_INFO: '/run/machine.json' });
    const facts = { workerGroup: 'group', workerId: 'worker', instanceType: 'instance' };
    assert.deepEqual(JSON.parse(await readFile(file, 'utf8')), facts);
    await resources.close();
    assert.deepEqual(await readdir(bench.tempDir), []);
  });

  it('keeps the file of a run whose worker died where it is', async () => {
    const dying = new ResourceStack(() => assert.fail());
    const facts = await prepareAndDie(machineInfo.attach(bench.task()), dying);
    const resources = new ResourceStack(() => assert.fail());
    assert.deepEqual(await prepareAgain(machineInfo.adopt?.(bench.task(), facts), resources), facts);
    assert.equal((await readdir(bench.tempDir)).length, 1);
    await dying.close();
  });

  it('publishes the facts with the exit code', async () => {
    await machineInfo.attach(bench.task()).collect?.({ exitCode: 3 } as never, never, 'exit');
    const facts = { workerGroup: 'group', workerId: 'worker', instanceType: 'instance', exitCode: 3 };
    assert.deepEqual(JSON.parse(bench.objects.text('public/machine.json')), facts);
    assert.deepEqual(bench.queue.requestsFor('public/machine.json'), [
      {
        storageType: 's3',
        contentType: 'application/json',
        contentLength: JSON.stringify(facts).length,
        expires: EXPIRES,
      },
    ]);
    assert.deepEqual(bench.output.lines, ['"public/machine.json" says which machine this was.']);
  });
});

describe('a task with the feature machineInfo', () => {
  let run: RunFixture;
  const create = async (scopes: readonly string[]): Promise<void> => {
    run = await RunFixture.create({ features: () => [machineInfo], validatePayload: withMachineInfoKey, scopes });
  };
  afterEach(() => run.remove());

  it('has the file in its container, and leaves the artifact', async () => {
    await create(SCOPES);
    await run.run({ ...PAYLOAD, features: { machineInfo: true } });
    assert.deepEqual(run.queue.resolutions, ['reportCompleted']);
    assert.equal(run.engine.specs[0]?.env['MACHINE_INFO'], '/run/machine.json');
    assert.deepEqual(
      run.queue.artifacts.map(({ name }) => name),
      ['public/machine.json'],
    );
  });

  it('has no file when it does not ask for it', async () => {
    await create([]);
    await run.run(PAYLOAD);
    assert.deepEqual(run.queue.resolutions, ['reportCompleted']);
    assert.deepEqual(run.engine.specs[0]?.binds, []);
  });

  it('is refused without the scope, which the log names', async () => {
    await create([]);
    await run.run({ ...PAYLOAD, features: { machineInfo: true } });
    assert.deepEqual(run.queue.resolutions, ['reportFailed']);
    assert.match(run.text, /machineInfo: missing docker-worker:feature:machineInfo, /);
    assert.equal(run.engine.specs.length, 0);
  });

  it('is refused when it uses the name of the artifact', async () => {
    await create(SCOPES);
    const artifacts = { 'public/machine.json': { type: 'file', path: '/x' } };
    await run.run({ ...PAYLOAD, artifacts, features: { machineInfo: true } });
    assert.deepEqual(run.queue.resolutions, ['reportException malformed-payload']);
  });
});
