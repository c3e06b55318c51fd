import assert from 'node:assert/strict';
import Docker from 'dockerode';
import { DockerodeEngine } from '../../../src/lib/docker/dockerode-engine.js';
import { LABEL } from '../../../src/lib/docker/engine.js';
import { machineInfo } from '../../examples/machine-info.js';
import { withMachineInfoKey } from '../../examples/machine-info-key.js';
import { TEST_IMAGE, shell } from '../../support/test-task.js';
import { RunFixture } from '../../unit/task/run-fixture.js';
import { TASK_ID } from '../../unit/task/task-fixture.js';

describe('the example of a feature, on a real engine', () => {
  let run: RunFixture | undefined;
  afterEach(() => run?.remove());

  it('tells a task about its machine, and leaves nothing behind', async () => {
    const engine = new DockerodeEngine({});
    const image = await engine.inspectImage(TEST_IMAGE, new AbortController().signal);
    assert.ok(image);
    run = await RunFixture.create({
      features: () => [machineInfo],
      validatePayload: withMachineInfoKey,
      scopes: ['docker-worker:feature:machineInfo'],
      real: { engine, image },
    });
    const script = 'cat "$MACHINE_INFO"; echo; ! echo mine >"$MACHINE_INFO"';
    await run.run({ image: TEST_IMAGE, maxRunTime: 60, ...shell(script), features: { machineInfo: true } });
    assert.deepEqual(run.queue.resolutions, ['reportCompleted'], run.text);
    assert.match(run.text, /^\{"workerGroup":"a-group","workerId":"a-worker","instanceType":"an-instance"\}\r$/m);
    assert.match(run.text, /Read-only file system/);
    const filters = { label: [`${LABEL.taskId}=${TASK_ID}`] };
    assert.deepEqual(await new Docker().listContainers({ all: true, filters }), []);
  });
});
