import assert from 'node:assert/strict';
import { DeviceDirectory } from '../../support/device-directory.js';
import { shell } from '../../support/test-task.js';
import { WorkerHarness } from '../../support/worker-harness.js';

describe('a worker with the capacity', () => {
  let devices: DeviceDirectory;
  let harness: WorkerHarness;
  beforeEach(async () => {
    devices = await DeviceDirectory.create();
    await devices.share();
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

  it('32 runs as many tasks at once', async () => {
    await start(32);
    // Each of them ends when it has met all the others.
    const meeting = {
      ...shell('touch /dev/shm/$TASK_ID; until test $(ls /dev/shm | wc -l) = 32; do sleep 0.2; done'),
      capabilities: { devices: { hostSharedMemory: true } },
    };
    const scopes = ['docker-worker:capability:device:hostSharedMemory'];
    const taskIds = await Promise.all(Array.from({ length: 32 }, () => harness.create(meeting, { scopes })));
    const runs = await Promise.all(taskIds.map((taskId) => harness.watch(taskId).resolved()));
    assert.deepEqual([...new Set(runs.map(({ state }) => state))], ['completed']);
  }).timeout(120_000);
});
