import assert from 'node:assert/strict';
import { DeviceManager } from '../../../src/lib/devices/device-manager.js';
import { devicesFeature } from '../../../src/lib/features/devices.js';
import { privilegeFeatures } from '../../../src/lib/features/privileged.js';
import { TaskError } from '../../../src/lib/outcome/errors.js';
import { runsForEver } from '../../fakes/fake-container.js';
import { FakeDevices } from '../../fakes/fake-devices.js';
import { fakeFeature } from '../../fakes/fake-feature.js';
import { MemoryLogger } from '../../fakes/memory-logger.js';
import { RunFixture } from '../task/run-fixture.js';
import { PAYLOAD } from '../task/task-fixture.js';

const ALL = ['docker-worker:capability:*'];

describe('the devices of a task', () => {
  let video: FakeDevices;
  let manager: DeviceManager;
  let run: RunFixture;
  afterEach(() => run.remove());

  const start = async (scopes: readonly string[] = ALL, forEveryTask: readonly string[] = []): Promise<void> => {
    video = new FakeDevices('loopbackVideo', ['v0']);
    const kinds = [video, new FakeDevices('kvm', ['k'], false)];
    manager = await DeviceManager.start({ kinds, forEveryTask, onFreed: () => undefined, log: new MemoryLogger() });
    run = await RunFixture.create({
      scopes,
      features: (trace) => [devicesFeature(manager), fakeFeature({ name: 'other', trace })],
    });
    run.engine.programs.set('wait', runsForEver);
  };
  const asking = (...kinds: readonly string[]) => ({
    ...PAYLOAD,
    capabilities: { devices: Object.fromEntries(kinds.map((kind) => [kind, true])) },
  });
  const ended = async (payload: object): Promise<void> => {
    await run.run(payload);
    assert.equal(await manager.roomFor(9), 1, 'the device was not given back');
  };

  it('are in its container, and released after its removal', async () => {
    await start();
    await ended(asking('loopbackVideo', 'kvm'));
    const { env } = run.engine.specs[0] ?? assert.fail();
    assert.deepEqual([env['loopbackVideo'], env['kvm']], ['v0', 'k']);
    const order = run.log.events.filter((event) => ['container removed', 'devices released'].includes(event));
    assert.deepEqual(order, ['container removed', 'devices released']);
  });

  it('are none when it requests none', async () => {
    await start([]);
    await ended({ ...PAYLOAD, capabilities: { devices: { kvm: false } } });
    assert.deepEqual(run.queue.resolutions, ['reportCompleted']);
    assert.deepEqual(run.log.of('devices leased'), []);
  });

  it('include those that every task gets, without a scope', async () => {
    await start([], ['loopbackVideo']);
    await ended(PAYLOAD);
    assert.equal(run.engine.specs[0]?.env['loopbackVideo'], 'v0');
  });

  for (const reason of ['canceled', 'worker-shutdown'] as const) {
    for (const event of ['other.prepare', 'engine.create', 'container.started']) {
      it(`are released when it is stopped (${reason}) at ${event}`, async () => {
        await start();
        run.stopAt(event, reason);
        await ended({ ...asking('loopbackVideo'), command: ['wait'] });
      });
    }
  }

  it('are released when its image can’t be fetched', async () => {
    await start();
    run.images.beforeAcquire = () => Promise.reject(TaskError.failed('no such image'));
    await ended(asking('loopbackVideo'));
    assert.deepEqual(run.queue.resolutions, ['reportFailed']);
  });

  it('resolve it as resource-unavailable when there are none', async () => {
    await start();
    video.present = [];
    await run.run(asking('loopbackVideo'));
    assert.deepEqual(run.queue.resolutions, ['reportException resource-unavailable']);
    assert.match(run.text, /This worker has no loopbackVideo device\./);
    assert.deepEqual(run.engine.specs, []);
  });

  it('fail it if it lacks a scope for one of them', async () => {
    await start(['docker-worker:capability:device:loopbackVideo:a-provisioner/a-type']);
    await ended(asking('loopbackVideo'));
    await run.remove();
    await start(['docker-worker:capability:device:loopbackVideo']);
    await ended(asking('loopbackVideo', 'kvm'));
    assert.deepEqual(run.queue.resolutions, ['reportFailed']);
    const scope = 'docker-worker:capability:device:kvm';
    const missing = `missing ${scope}, ${scope}:a-provisioner/a-type; the task needs the scopes {"AllOf":[`;
    assert.ok(run.text.includes(`Insufficient scopes to attach devices to task container. ${missing}`), run.text);
    assert.deepEqual(run.log.of('devices leased'), []);
  });
});

describe('the privileges of a task', () => {
  let run: RunFixture;
  afterEach(() => run.remove());

  const start = async (isAllowed: boolean, scopes: readonly string[] = ALL): Promise<void> => {
    const dockerConfig = { allowPrivileged: isAllowed, allowDisableSeccomp: isAllowed };
    run = await RunFixture.create({ scopes, features: () => privilegeFeatures(dockerConfig) });
  };
  const granted = () => run.engine.specs.map(({ privileged, securityOpt }) => [privileged, securityOpt]);

  it('are those that it requests', async () => {
    await start(true);
    await run.run({ ...PAYLOAD, capabilities: { privileged: true } });
    assert.deepEqual(granted(), [[true, []]]);
    await run.remove();
    await start(true, ['docker-worker:capability:disableSeccomp:a-provisioner/a-type']);
    await run.run({ ...PAYLOAD, capabilities: { disableSeccomp: true } });
    assert.deepEqual(granted(), [[false, ['seccomp=unconfined']]]);
  });

  it('are none when it requests none', async () => {
    await start(false, []);
    await run.run({ ...PAYLOAD, capabilities: { privileged: false, disableSeccomp: false } });
    assert.deepEqual(granted(), [[false, []]]);
  });

  for (const name of ['privileged', 'disableSeccomp']) {
    it(`need the worker’s setting and the scope (${name})`, async () => {
      await start(false);
      await run.run({ ...PAYLOAD, capabilities: { [name]: true } });
      assert.deepEqual(run.queue.resolutions, ['reportException malformed-payload']);
      assert.match(run.text, new RegExp(`capabilities\\.${name} is not enabled on this worker`));
      await run.remove();
      await start(true, ['docker-worker:capability:device:*']);
      await run.run({ ...PAYLOAD, capabilities: { [name]: true } });
      assert.deepEqual(run.queue.resolutions, ['reportFailed']);
      assert.match(run.text, new RegExp(`Insufficient scopes .* missing docker-worker:capability:${name}, `));
      assert.deepEqual(granted(), []);
    });
  }
});
