import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { cpu } from '../../../src/lib/devices/cpu.js';
import type { DeviceKind } from '../../../src/lib/devices/device.js';
import { loopbackAudio } from '../../../src/lib/devices/loopback-audio.js';
import { loopbackVideo } from '../../../src/lib/devices/loopback-video.js';
import { hostSharedMemory, kvm } from '../../../src/lib/devices/shared.js';

describe('discovery', () => {
  let base: string;
  beforeEach(async () => {
    base = await mkdtemp(join(tmpdir(), 'dev-'));
  });
  afterEach(() => rm(base, { recursive: true }));

  /** Links to a device are devices; making nodes would need root. */
  const add = async (...names: readonly string[]): Promise<void> => {
    for (const name of names) {
      await mkdir(dirname(join(base, name)), { recursive: true });
      await symlink('/dev/null', join(base, name));
    }
  };
  const ids = async (kind: DeviceKind): Promise<readonly string[]> => (await kind.discover()).map(({ id }) => id);

  describe('of video devices', () => {
    it('finds devices in numerical order with their paths in the task', async () => {
      await add('video10', 'video2');
      const found = await loopbackVideo(base).discover();
      assert.deepEqual(
        found.map(({ id }) => id),
        ['/dev/video2', '/dev/video10'],
      );
      const node = { pathOnHost: join(base, 'video2'), pathInContainer: '/dev/video2', permissions: 'rwm' };
      assert.deepEqual(found[0]?.access, { devices: [node], env: { TASKCLUSTER_VIDEO_DEVICE: '/dev/video2' } });
    });

    it('ignores other names, plain files, dangling links and a missing directory', async () => {
      await add('video', 'video1a', 'videos/video1', 'xvideo1', 'video01');
      await writeFile(join(base, 'video1'), '');
      await symlink('/nowhere', join(base, 'video2'));
      assert.deepEqual(await ids(loopbackVideo(base)), []);
      assert.deepEqual(await ids(loopbackVideo(join(base, 'nowhere'))), []);
      assert.deepEqual(await ids(loopbackVideo(join(base, 'video1'))), []);
    });
  });

  describe('of audio devices', () => {
    it('finds cards with all their nodes', async () => {
      const ends = ['D0c', 'D0p', 'D1c', 'D1p'];
      await add('snd/controlC5', ...ends.map((end) => `snd/pcmC5${end}`), 'snd/seq', 'snd/pcmC1D0p');
      await add('snd/controlC0', 'snd/pcmC0D0p', 'snd/pcmC0D0c');
      const [card, ...others] = await loopbackAudio(base).discover();
      assert.deepEqual([card?.id, others], ['card 5', []]);
      assert.deepEqual(card?.access.env, { TASKCLUSTER_AUDIO_DEVICE: '5' });
      assert.deepEqual(
        card.access.devices?.map(({ pathOnHost, pathInContainer }) => [pathOnHost, pathInContainer]),
        ['controlC5', ...ends.map((end) => `pcmC5${end}`)].map((name) => [`${base}/snd/${name}`, `/dev/snd/${name}`]),
      );
    });
  });

  it('finds shared memory and kvm', async () => {
    assert.deepEqual([await ids(hostSharedMemory(base)), await ids(kvm(base))], [[], []]);
    await writeFile(join(base, 'kvm'), '');
    await writeFile(join(base, 'shm'), '');
    assert.deepEqual([await ids(hostSharedMemory(base)), await ids(kvm(base))], [[], []]);
    await Promise.all([rm(join(base, 'kvm')), rm(join(base, 'shm'))]);
    await add('kvm');
    await mkdir(join(base, 'shm'));
    const [memory] = await hostSharedMemory(base).discover();
    assert.deepEqual(memory?.access, { binds: [`${base}/shm:/dev/shm`] });
    const [machine] = await kvm(base).discover();
    const node = { pathOnHost: join(base, 'kvm'), pathInContainer: '/dev/kvm', permissions: 'rwm' };
    assert.deepEqual(machine?.access, { devices: [node] });
  });

  describe('of cores', () => {
    const coresOf = async (online: string, allowed: string): Promise<readonly (string | undefined)[]> => {
      const sources = { online: join(base, 'online'), status: join(base, 'status') };
      await writeFile(sources.online, `${online}\n`);
      await writeFile(sources.status, `Name:\tnode\nCpus_allowed:\tff\nCpus_allowed_list:\t${allowed}\nMems:\t0\n`);
      return (await cpu(sources).discover()).map(({ access }) => access.cpuset);
    };

    it('finds cores that are online and usable by this process', async () => {
      assert.deepEqual(await coresOf('0-3', '0-127'), ['0', '1', '2', '3']);
      assert.deepEqual(await coresOf('0-1,4,6-7', '1-6'), ['1', '4', '6']);
      assert.deepEqual(await coresOf('0', '0'), ['0']);
    });

    it('uses the paths of this machine by default', async () => {
      assert.notDeepEqual(await ids(cpu()), []);
    });
  });
});
