import assert from 'node:assert/strict';
import { DeviceManager } from '../../../src/lib/devices/device-manager.js';
import { devicesFeature } from '../../../src/lib/features/devices.js';
import type { TaskContext } from '../../../src/lib/task/task-context.js';
import { ResourceStack } from '../../../src/lib/util/resource-stack.js';
import { FakeDevices } from '../../fakes/fake-devices.js';
import { MemoryLogger } from '../../fakes/memory-logger.js';
import { assertLost, prepareAgain, prepareAndDie } from '../../support/adoption.js';
import { PAYLOAD, taskContext } from '../task/task-fixture.js';

describe('the devices of a run whose worker died', () => {
  let video: FakeDevices;
  let log: MemoryLogger;
  let manager: DeviceManager;
  let resources: ResourceStack;
  beforeEach(async () => {
    video = new FakeDevices('loopbackVideo', ['v0', 'v1']);
    log = new MemoryLogger();
    resources = new ResourceStack((what) => assert.fail(what));
    await restart();
  });

  const restart = async (): Promise<void> => {
    manager = await DeviceManager.start({ kinds: [video], forEveryTask: [], onFreed: () => undefined, log });
  };
  const task = (): TaskContext => ({
    ...taskContext({ ...PAYLOAD, capabilities: { devices: { loopbackVideo: true } } }),
    log,
  });
  const adopt = (facts: object) => devicesFeature(manager).adopt?.(task(), facts);

  it('are the very same, and free once the run is over', async () => {
    await devicesFeature(manager)
      .attach(task())
      .prepare?.(new ResourceStack(() => undefined), new AbortController().signal);
    const facts = await prepareAndDie(devicesFeature(manager).attach(task()));
    await restart();
    assert.equal(await manager.roomFor(9), 2);
    assert.deepEqual(await prepareAgain(adopt(facts), resources), facts);
    assert.equal(await manager.roomFor(9), 1);
    assert.deepEqual(facts, { binds: [], devices: [], facts: { names: ['loopbackVideo: v1'] } });
    await resources.close();
    assert.equal(await manager.roomFor(9), 2);
  });

  it('end the run when another one has them, or none are on record', async () => {
    const facts = await prepareAndDie(devicesFeature(manager).attach(task()));
    await assertLost(prepareAgain(adopt(facts), resources), log, { what: 'devices', reason: /Another run uses/ });
    await assertLost(prepareAgain(adopt({}), resources), log, { what: 'devices', reason: /facts must be object/ });
  });
});
