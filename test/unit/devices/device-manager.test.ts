import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cpu } from '../../../src/lib/devices/cpu.js';
import { DeviceManager, requestedDevices } from '../../../src/lib/devices/device-manager.js';
import type { Acquired, TaskDevices } from '../../../src/lib/devices/device-manager.js';
import { FakeDevices } from '../../fakes/fake-devices.js';
import { MemoryLogger } from '../../fakes/memory-logger.js';

const payloadFor = (...kinds: readonly string[]) => ({
  capabilities: { devices: Object.fromEntries(kinds.map((kind) => [kind, true])) },
});

describe('the device manager', () => {
  let video: FakeDevices;
  let audio: FakeDevices;
  let kvm: FakeDevices;
  let log: MemoryLogger;
  let freed: number;
  let runs: number;
  beforeEach(() => {
    video = new FakeDevices('video', ['v0', 'v1']);
    audio = new FakeDevices('audio', ['a0', 'a1', 'a2']);
    kvm = new FakeDevices('kvm', ['k'], false);
    log = new MemoryLogger();
    freed = 0;
    runs = 0;
  });

  const start = (forEveryTask: readonly string[] = []): Promise<DeviceManager> =>
    DeviceManager.start({
      kinds: [video, audio, kvm],
      forEveryTask,
      onFreed: () => {
        freed += 1;
      },
      log,
    });
  const newRun = () => ({ taskId: 'task', runId: runs++ });
  const given = (acquired: Acquired): TaskDevices =>
    'devices' in acquired ? acquired.devices : assert.fail(acquired.problems.join('\n'));
  const take = async (manager: DeviceManager, ...kinds: readonly string[]): Promise<TaskDevices> =>
    given(await manager.acquire(newRun(), payloadFor(...kinds), log));
  const problems = async (manager: DeviceManager, ...kinds: readonly string[]): Promise<readonly string[]> => {
    const acquired = await manager.acquire(newRun(), payloadFor(...kinds), log);
    return 'problems' in acquired ? acquired.problems : assert.fail('it got its devices');
  };

  it('gives an exclusive device to one task and a shared one to many', async () => {
    const manager = await start();
    const first = await take(manager, 'video', 'kvm');
    const second = await take(manager, 'video', 'kvm');
    assert.deepEqual(first.access.env, { video: 'v0', kvm: 'k' });
    assert.deepEqual(second.access.env, { video: 'v1', kvm: 'k' });
    assert.deepEqual(await problems(manager, 'video'), ['All video devices of this worker are in use.']);
    first.dispose();
    const third = await take(manager, 'video');
    // Twice is once: the device is another task's by now.
    first.dispose();
    assert.equal(third.access.env?.['video'], 'v0');
    assert.deepEqual(await problems(manager, 'video', 'kvm'), ['All video devices of this worker are in use.']);
  });

  it('gives a task all its devices or none', async () => {
    video.present = ['v0'];
    const manager = await start();
    const held = await take(manager, 'video');
    assert.equal((await problems(manager, 'audio', 'video')).length, 1);
    assert.equal((await take(manager, 'audio')).access.env?.['audio'], 'a0');
    held.dispose();
    assert.deepEqual((await take(manager, 'audio', 'video')).access.env, { audio: 'a1', video: 'v0' });
  });

  it('names each kind that is refused, and why', async () => {
    audio.present = [];
    const manager = await start();
    assert.deepEqual(await problems(manager, 'audio', 'video', 'cpu'), [
      'This worker has no audio device.',
      'cpu devices are not enabled on this worker (deviceManagement.cpu.enabled).',
    ]);
  });

  describe('after a crash', () => {
    const again = (manager: DeviceManager, ...names: readonly string[]): Acquired =>
      manager.reacquire(newRun(), names, log);
    const refused = (acquired: Acquired): readonly string[] =>
      'problems' in acquired ? acquired.problems : assert.fail('it got its devices');

    it('leases again exactly the devices that a run held', async () => {
      const { names } = await take(await start(), 'video', 'audio', 'kvm');
      assert.deepEqual(names, ['video: v0', 'audio: a0', 'kvm: k']);
      const manager = await start();
      // Not those that would be given out first.
      const held = ['video: v1', 'audio: a2', 'kvm: k'];
      const devices = given(again(manager, ...held));
      assert.deepEqual(devices.names, held);
      assert.deepEqual(devices.access.env, { video: 'v1', audio: 'a2', kvm: 'k' });
      assert.equal(await manager.roomFor(9), 1);
      assert.deepEqual((await take(manager, 'video', 'kvm')).names, ['video: v0', 'kvm: k']);
      assert.equal(await manager.roomFor(9), 0);
      devices.dispose();
      devices.dispose();
      assert.deepEqual([freed, await manager.roomFor(9)], [1, 1]);
      assert.deepEqual(
        log.of('devices reacquired').map(({ fields }) => fields['devices']),
        [held],
      );
    });

    it('leases a device again that discovery does not find', async () => {
      video.present = ['v1'];
      const manager = await start();
      const devices = given(again(manager, 'video: v0'));
      assert.deepEqual([devices.names, devices.access.devices], [['video: v0'], []]);
      assert.equal(await manager.roomFor(9), 1);
      video.present = ['v0', 'v1'];
      assert.equal(await manager.roomFor(9), 1, 'it is found again, and is in use');
      devices.dispose();
      assert.equal(await manager.roomFor(9), 2);
    });

    it('leases a core again', async () => {
      const root = await mkdtemp(join(tmpdir(), 'cores-'));
      try {
        const sources = { online: join(root, 'online'), status: join(root, 'status') };
        await writeFile(sources.online, '0-2\n');
        await writeFile(sources.status, 'Cpus_allowed_list:\t0-2\n');
        const options = { kinds: [cpu(sources)], forEveryTask: ['cpu'], onFreed: () => undefined, log };
        const manager = await DeviceManager.start(options);
        const { names, access } = given(again(manager, 'cpu: core 1'));
        assert.deepEqual([names, access.cpuset], [['cpu: core 1'], '1']);
        const others = [await take(manager), await take(manager)];
        assert.deepEqual(
          others.map(({ access: { cpuset } }) => cpuset),
          ['0', '2'],
        );
      } finally {
        await rm(root, { recursive: true });
      }
    });

    it('refuses the device of another run, and leases none of the others', async () => {
      const manager = await start();
      const held = given(again(manager, 'video: v0', 'kvm: k'));
      assert.deepEqual(refused(again(manager, 'audio: a0', 'video: v0', 'kvm: k')), [
        'Another run uses the device of this run (video: v0).',
      ]);
      assert.deepEqual((await take(manager, 'audio')).names, ['audio: a0']);
      held.dispose();
      given(again(manager, 'video: v0'));
    });

    it('refuses a device of a kind that is no longer enabled', async () => {
      const manager = await start();
      assert.deepEqual(refused(again(manager, 'video: v0', 'cpu: core 0', 'odd')), [
        'cpu devices are not enabled on this worker (deviceManagement.cpu.enabled).',
        'odd devices are not enabled on this worker (deviceManagement.odd.enabled).',
      ]);
      assert.equal(await manager.roomFor(9), 2);
    });

    it('no longer reserves devices for the run', async () => {
      const manager = await start();
      const run = newRun();
      const forget = manager.expect(run, payloadFor('video'));
      given(manager.reacquire(run, ['video: v0'], log));
      assert.equal(await manager.roomFor(9), 1);
      forget();
      assert.equal(freed, 0);
    });
  });

  it('warns once about missing kinds and logs only changes', async () => {
    audio.present = [];
    const manager = await start();
    await manager.refresh();
    assert.deepEqual(
      log.of('devices missing').map(({ fields }) => fields['kinds']),
      [['audio']],
    );
    audio.present = ['a0'];
    await manager.refresh();
    await manager.refresh();
    const found = log.of('devices found').map(({ fields }) => [fields['kind'], fields['devices']]);
    assert.deepEqual(found, [
      ['video', ['v0', 'v1']],
      ['kvm', ['k']],
      ['audio', ['a0']],
    ]);
  });

  it('has no device of a kind whose discovery fails, and logs it once', async () => {
    const manager = await start();
    video.trouble = new Error('EACCES');
    assert.deepEqual(await problems(manager, 'video'), ['This worker has no video device.']);
    await manager.refresh();
    assert.deepEqual(
      log.of('device discovery failed').map(({ fields }) => fields['error']),
      ['EACCES'],
    );
    video.trouble = undefined;
    assert.equal((await take(manager, 'video')).access.env?.['video'], 'v0');
  });

  describe('the room for tasks', () => {
    it('is the number of free devices of the scarcest exclusive kind', async () => {
      const manager = await start();
      assert.equal(await manager.roomFor(9), 2);
      assert.equal(await manager.roomFor(1), 1);
      const held = await take(manager, 'video');
      await take(manager, 'audio');
      await take(manager, 'audio');
      assert.equal(await manager.roomFor(9), 1);
      await take(manager, 'audio');
      assert.equal(await manager.roomFor(9), 0);
      held.dispose();
      assert.equal(await manager.roomFor(9), 0);
    });

    it('is unlimited without exclusive devices', async () => {
      video.present = audio.present = [];
      assert.equal(await (await start()).roomFor(32), 32);
    });

    it('counts tasks that were claimed but have no devices yet', async () => {
      const manager = await start();
      const run = newRun();
      const forget = manager.expect(run, payloadFor('video'));
      assert.equal(await manager.roomFor(9), 1);
      const devices = given(await manager.acquire(run, payloadFor('video'), log));
      assert.equal(await manager.roomFor(9), 1);
      forget();
      assert.equal(freed, 0);
      devices.dispose();
      devices.dispose();
      assert.equal(freed, 1);
      assert.equal(await manager.roomFor(9), 2);
    });

    it('grows when a run ends without its devices', async () => {
      const manager = await start();
      const forget = manager.expect(newRun(), payloadFor('video'));
      forget();
      forget();
      assert.deepEqual([freed, await manager.roomFor(9)], [1, 2]);
      const run = newRun();
      const forgetOther = manager.expect(run, payloadFor('video', 'cpu'));
      assert.ok('problems' in (await manager.acquire(run, payloadFor('video', 'cpu'), log)));
      assert.deepEqual([freed, await manager.roomFor(9)], [2, 2]);
      forgetOther();
      assert.equal(freed, 2);
    });

    it('is one task for each device of a kind that every task gets', async () => {
      const manager = await start(['video']);
      manager.expect(newRun(), {});
      assert.equal(await manager.roomFor(9), 1);
      assert.deepEqual((await take(manager, 'video')).access.env, { video: 'v0' });
      assert.deepEqual(manager.neededBy(payloadFor('audio', 'video')), ['audio', 'video']);
    });

    it('follows what is discovered later', async () => {
      const manager = await start();
      video.present = ['v0', 'v1', 'v2'];
      assert.equal(await manager.roomFor(9), 3);
      const held = await take(manager, 'video');
      video.present = ['v1'];
      assert.equal(await manager.roomFor(9), 1);
      // The one that is held comes back, and is still held.
      video.present = ['v0', 'v1'];
      assert.equal(await manager.roomFor(9), 1);
      held.dispose();
      assert.equal(await manager.roomFor(9), 2);
    });
  });

  it('ignores invalid values of an unchecked payload', () => {
    for (const payload of [
      undefined,
      null,
      'text',
      7,
      [],
      {},
      { capabilities: 'x' },
      { capabilities: { devices: 1 } },
    ]) {
      assert.deepEqual(requestedDevices(payload), []);
    }
    const devices = { video: true, audio: false, kvm: 'yes' };
    assert.deepEqual(requestedDevices({ capabilities: { devices } }), ['video']);
  });
});
