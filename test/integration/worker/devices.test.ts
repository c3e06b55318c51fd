import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import type { ConfigTree } from '../../../src/lib/config/layers.js';
import { DeviceDirectory } from '../../support/device-directory.js';
import { FakeRegistry, knowsNoImage } from '../../support/fake-registry.js';
import { skipBecause } from '../../support/skip-because.js';
import { shell } from '../../support/test-task.js';
import { WorkerHarness } from '../../support/worker-harness.js';

const SCOPES = { scopes: ['docker-worker:capability:device:*'] };
const asking = (...kinds: readonly string[]) => ({
  capabilities: { devices: Object.fromEntries(kinds.map((kind) => [kind, true])) },
});

describe('devices', () => {
  let devices: DeviceDirectory;
  let harness: WorkerHarness | undefined;

  beforeEach(async function () {
    devices = await DeviceDirectory.create();
    try {
      await devices.add('video0');
    } catch (error) {
      skipBecause(this, `this machine lets nobody make device nodes: ${String(error)}`);
    }
    await devices.share();
  });
  afterEach(async () => {
    await harness?.close();
    harness = undefined;
    await devices.remove();
  });

  const start = async (settings: ConfigTree = {}): Promise<WorkerHarness> => {
    const deviceManagement = { baseDirectory: devices.path, cpu: { enabled: true } };
    harness = await WorkerHarness.start({ settings: { capacity: 4, deviceManagement, ...settings } });
    return harness;
  };
  const camera = { ...asking('loopbackVideo', 'hostSharedMemory') };
  const readCamera = 'echo "$TASKCLUSTER_VIDEO_DEVICE gives $(head -c 1 $TASKCLUSTER_VIDEO_DEVICE | wc -c)"';
  /** Holds a camera until the file `<name>` exists, then exits with `code`. */
  const holding = (name: string, code = 0) => ({
    ...shell(`${readCamera}; until test -e /dev/shm/${name}; do sleep 0.1; done; exit ${code}`),
    ...camera,
  });

  it('are given to one task at a time; a task that finds none free stays in the queue', async () => {
    await devices.add('video7', 'urandom');
    const worker = await start();
    const { queue, log } = worker;
    const first = await worker.create(holding('first'), SCOPES);
    await worker.sees(first, '/dev/video0 gives 1');
    const second = await worker.create(holding('rest'), SCOPES);
    await worker.sees(second, '/dev/video7 gives 1');
    const third = await worker.create(holding('rest'), SCOPES);
    // A worker that filled its two free slots would have no device for it.
    await devices.share('first');
    assert.equal((await worker.finish(first)).run.state, 'completed');
    await worker.sees(third, '/dev/video0 gives 1');
    const at = (event: string, taskId: string): number =>
      log.records.findIndex((record) => record.event === event && record.fields['taskId'] === taskId);
    assert.ok(at('devices released', first) > at('container removed', first));
    assert.ok(at('claimed task', third) > at('devices released', first));
    await devices.share('rest');
    for (const taskId of [second, third]) assert.equal((await worker.finish(taskId)).run.state, 'completed');
    assert.equal((await queue.status(third)).status.runs.length, 1);
  });

  it('are released however the task ends', async () => {
    const registry = await FakeRegistry.start(knowsNoImage);
    try {
      const worker = await start();
      const states: unknown[] = [];
      const use = async (
        payload: object,
        meanwhile: (taskId: string) => Promise<unknown> = () => Promise.resolve(),
      ) => {
        const taskId = await worker.create({ ...camera, ...payload }, SCOPES);
        await meanwhile(taskId);
        states.push((await worker.finish(taskId)).run.reasonResolved);
        const { fields } = await worker.log.next('devices released', taskId);
        assert.deepEqual(fields['devices'], ['loopbackVideo: /dev/video0', `hostSharedMemory: ${devices.path}/shm`]);
      };
      const cancel = async (taskId: string): Promise<void> => {
        await worker.sees(taskId, 'gives 1');
        await worker.queue.cancelTask(taskId);
      };
      await use(shell(readCamera));
      await use(shell(`${readCamera}; exit 3`));
      await use({ command: ['/no/such'] });
      await use({ image: `${registry.host}/no/such:image` });
      await use(holding('never'), cancel);
      await use({ ...holding('never'), maxRunTime: 1 });
      assert.deepEqual(states, ['completed', 'failed', 'failed', 'failed', 'canceled', 'failed']);

      const last = await worker.create(holding('never'), SCOPES);
      await worker.sees(last, '/dev/video0 gives 1');
      await worker.stopWorker('immediate');
      assert.equal((await worker.finish(last)).run.reasonResolved, 'worker-shutdown');
      await worker.log.next('devices released', last);
      assert.equal(worker.log.of('devices leased').length, worker.log.of('devices released').length);
    } finally {
      await registry.close();
    }
  });

  it('are found when they are plugged in, and no longer when they are removed', async () => {
    const worker = await start();
    const first = await worker.create(holding('go'), SCOPES);
    await worker.sees(first, '/dev/video0 gives 1');
    const second = await worker.create(holding('go'), SCOPES);
    await devices.add('video1');
    await worker.sees(second, '/dev/video1 gives 1');
    await devices.share('go');
    await Promise.all([worker.finish(first), worker.finish(second)]);
    await devices.delete('video0');
    await devices.delete('video1');
    const { run, log } = await worker.run({ ...shell(readCamera), ...camera }, SCOPES);
    assert.equal(run.reasonResolved, 'resource-unavailable');
    assert.match(log, /This worker has no loopbackVideo device\./);
  });

  it('include sound cards with all their nodes, /dev/kvm and the shared memory of the machine', async () => {
    await devices.addCard(3);
    await devices.addCard(2, ['D0p']);
    await devices.add('kvm', 'urandom');
    const worker = await start();
    const script =
      'echo "card $TASKCLUSTER_AUDIO_DEVICE: $(ls /dev/snd | xargs)"; head -c 1 /dev/kvm | wc -c; ls /dev/shm';
    await devices.share('from-the-machine');
    const all = await worker.run({ ...shell(script), ...asking('loopbackAudio', 'kvm', 'hostSharedMemory') }, SCOPES);
    assert.match(all.log, /card 3: controlC3 pcmC3D0c pcmC3D0p pcmC3D1c pcmC3D1p\r\n\s*1\r\nfrom-the-machine\r\n/);
    // A task gets only the devices that it requests explicitly.
    const none = { capabilities: { devices: { kvm: false, loopbackAudio: false } } };
    const { log } = await worker.run({ ...shell('ls /dev; ls /dev/shm; env'), ...none });
    assert.doesNotMatch(log, /kvm|snd|from-the-machine|_DEVICE/);
  });

  it('are refused without the scopes, and unavailable when the worker has none or they are disabled', async () => {
    const worker = await start({
      deviceManagement: { baseDirectory: devices.path, hostSharedMemory: { enabled: false } },
    });
    const scope = 'docker-worker:capability:device:loopbackVideo';
    const missing = await worker.run({ ...asking('loopbackVideo') }, { scopes: [`${scope}:other/pool`] });
    assert.equal(missing.run.state, 'failed');
    assert.match(missing.log, /Insufficient scopes to attach devices to task container\. missing .*loopbackVideo/);
    assert.ok(missing.log.includes(`{"AllOf":[{"AnyOf":["${scope}","${scope}:local/docker-worker"]}]}`));
    const ofPool = await worker.run({ ...asking('loopbackVideo') }, { scopes: [`${scope}:local/docker-worker`] });
    assert.equal(ofPool.run.state, 'completed');

    const { run, log } = await worker.run(asking('loopbackVideo', 'kvm', 'cpu', 'hostSharedMemory'), SCOPES);
    assert.equal(run.reasonResolved, 'resource-unavailable');
    assert.match(log, /This worker has no kvm device\. cpu devices are not enabled on this worker/);
    assert.match(log, /hostSharedMemory devices are not enabled on this worker/);
    const [warning, ...more] = worker.log.of('devices missing');
    assert.deepEqual([warning?.fields['kinds'], more], [['loopbackAudio', 'kvm'], []]);
  });

  describe('that are cores', () => {
    const core = 'echo "cores $(sed -n s/^Cpus_allowed_list:.//p /proc/self/status)."';

    it('are assigned one to each task when CPUs are restricted, and set the capacity', async () => {
      const worker = await start({ restrictCPU: true, deviceManagement: { baseDirectory: devices.path } });
      const count = Math.min(availableParallelism(), 4);
      const tasks = Array.from({ length: count }, () =>
        worker.create(
          {
            ...shell(`${core}; until test -e /dev/shm/go; do sleep 0.1; done`),
            ...asking('hostSharedMemory'),
          },
          SCOPES,
        ),
      );
      const taskIds = await Promise.all(tasks);
      await Promise.all(taskIds.map((taskId) => worker.sees(taskId, 'cores ')));
      await devices.share('go');
      const logs = await Promise.all(taskIds.map(async (taskId) => (await worker.finish(taskId)).log));
      const cores = logs.map((log) => /cores (\d+)\./.exec(log)?.[1]);
      assert.ok(!cores.includes(undefined), logs.join('\n'));
      assert.equal(new Set(cores).size, count);
      assert.equal(worker.log.of('start')[0]?.fields['capacity'], availableParallelism());
    });

    it('are assigned to tasks that request one', async () => {
      const worker = await start();
      const { log } = await worker.run({ ...shell(core), ...asking('cpu') }, SCOPES);
      assert.match(log, /\ncores \d+\.\r\n/);
    });
  });
});
