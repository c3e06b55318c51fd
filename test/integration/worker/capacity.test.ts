import assert from 'node:assert/strict';
import { DeviceDirectory } from '../../support/device-directory.js';
import { WorkerHarness } from '../../support/worker-harness.js';

describe('a worker with the capacity', () => {
  let devices: DeviceDirectory;
  let harness: WorkerHarness;
  beforeEach(async () => {
    devices = await DeviceDirectory.create();
  });
  afterEach(async () => {
    await harness.close();
    await devices.remove();
  });

  const start = async (capacity: number): Promise<void> => {
    const settings = { capacity, deviceManagement: { baseDirectory: devices.path } };
    harness = await WorkerHarness.start({ settings });
  };

  it('0 claims nothing, and stays until it is stopped', async () => {
    await start(0);
    const taskId = await harness.create({});
    await harness.log.next('start');
    await harness.stopWorker('graceful');
    assert.equal((await harness.queue.status(taskId)).status.state, 'pending');
    assert.deepEqual(harness.log.of('next claim'), []);
  });

  it('40 claims at most as many tasks in one call as the queue allows, and then the rest', async () => {
    await start(40);
    await harness.log.next('next claim');
    // These tasks end without a container: the machine has no such device.
    const asking = { capabilities: { devices: { kvm: true } } };
    const scopes = ['docker-worker:capability:device:kvm'];
    const taskIds = await Promise.all(Array.from({ length: 33 }, () => harness.create(asking, { scopes })));
    const resolved = await Promise.all(taskIds.map((taskId) => harness.log.next('task resolved', taskId)));
    assert.deepEqual([...new Set(resolved.map(({ fields }) => fields['taskState']))], ['resource-unavailable']);
    const asked = harness.log.of('next claim').map(({ fields }) => Number(fields['tasks']));
    assert.equal(asked[0], 32);
    assert.equal(Math.max(...asked), 32);
    assert.deepEqual(harness.log.of('error claiming work'), []);
  });
});
