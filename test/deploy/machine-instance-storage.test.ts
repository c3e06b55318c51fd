import { strict as assert } from 'node:assert';
import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, delimiter, dirname, join, resolve } from 'node:path';
import { needRoot, run, runOk, temporaryDirectory } from './machine-support.js';

const SCRIPT = resolve('deploy/template/usr/local/sbin/docker-worker-instance-storage');
const FAKE = resolve('test/deploy/fake-disks.sh');
const PROGRAMS = [
  ...['lsblk', 'findmnt', 'blkid', 'curl', 'mount', 'mountpoint', 'mkfs.ext4', 'e2fsck'],
  ...['pvs', 'vgs', 'lvs', 'pvcreate', 'vgcreate', 'vgreduce', 'vgremove', 'vgchange', 'lvcreate'],
];
const NVME = 'Amazon EC2 NVMe Instance Storage';
const EBS = 'Amazon Elastic Block Store';

type Disk = Readonly<Record<string, string>>;

/** Fake disks: the script sees them through the programs of fake-disks.sh. */
class FakeMachine {
  static async make(folder: string, disks: Readonly<Record<string, Disk>>): Promise<FakeMachine> {
    const machine = new FakeMachine(folder);
    await mkdir(join(folder, 'bin'));
    for (const program of PROGRAMS) await symlink(FAKE, join(folder, 'bin', program));
    for (const [name, facts] of Object.entries(disks)) {
      // A node of the right kind without a device.
      await mkdir(join(folder, 'dev'), { recursive: true });
      await runOk(['mknod', machine.path(name), 'b', '240', '0']);
      for (const [fact, value] of Object.entries({ size: '100', ...facts }))
        await machine.say(`disks/${name}/${fact}`, value);
    }
    await machine.say('root', 'nvme0n1\nnvme0n1p1');
    return machine;
  }

  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  path(disk: string): string {
    return join(this.#folder, 'dev', disk);
  }

  async say(file: string, text: string): Promise<void> {
    await mkdir(dirname(join(this.#folder, file)), { recursive: true });
    await writeFile(join(this.#folder, file), `${text}\n`);
  }

  async forget(file: string): Promise<void> {
    await rm(join(this.#folder, file));
  }

  /** Runs the script; returns its output. */
  async start(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await run([SCRIPT, ...args], {
      PATH: `${join(this.#folder, 'bin')}${delimiter}${process.env['PATH'] ?? ''}`,
      FAKE_MACHINE: this.#folder,
      FAKE_DEV: join(this.#folder, 'dev'),
      INSTANCE_STORAGE_SETTINGS: join(this.#folder, 'settings'),
      INSTANCE_STORAGE_MOUNT_POINT: join(this.#folder, 'mnt'),
      INSTANCE_STORAGE_DEVICES: join(this.#folder, 'dev'),
      INSTANCE_STORAGE_LOCK: join(this.#folder, 'lock'),
    });
    assert.equal(code, 0, stdout + stderr);
    return stdout;
  }

  /** Returns the changes so far: program and disks of each call. */
  async changes(): Promise<readonly string[]> {
    const calls = await readFile(join(this.#folder, 'calls'), 'utf8').catch(() => '');
    return calls
      .trim()
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.split(' '))
      .map(([program = '', ...args]) => {
        const disks = args.filter((arg) => arg.startsWith(join(this.#folder, 'dev')));
        const names = disks.map((disk) => basename(disk));
        return [program, ...(args.includes('--stripes') ? ['striped'] : []), ...names].join(' ');
      });
  }
}

const ROOT_DISK: Disk = { model: EBS, parts: 'nvme0n1p1', table: 'gpt' };
const WHOLE = ['mkfs.ext4', 'mount'];

describe('the script for instance storage', () => {
  before(function () {
    needRoot(this);
  });

  it('creates one striped volume of all instance storage, and changes no other disk', async () => {
    await using folder = await temporaryDirectory();
    const machine = await FakeMachine.make(folder.path, {
      nvme0n1: ROOT_DISK,
      nvme1n1: { model: NVME },
      nvme2n1: { model: NVME },
      nvme3n1: { model: EBS },
    });
    await machine.start();
    const made = ['pvcreate nvme1n1', 'pvcreate nvme2n1', 'vgcreate nvme1n1 nvme2n1', 'lvcreate striped'];
    assert.deepEqual(await machine.changes(), [...made, ...WHOLE]);
  });

  it('changes nothing on a second run, and only mounts after a restart of the machine', async () => {
    await using folder = await temporaryDirectory();
    const machine = await FakeMachine.make(folder.path, { nvme0n1: ROOT_DISK, nvme1n1: { model: NVME } });
    await machine.start();
    const made = await machine.changes();
    assert.match(await machine.start(), /mounted at .* already; nothing to do/);
    assert.deepEqual(await machine.changes(), made);
    await machine.forget('mounted');
    await machine.start();
    assert.deepEqual(await machine.changes(), [...made, 'mount']);
  });

  it('leaves /mnt on the root disk when there is no other disk', async () => {
    await using folder = await temporaryDirectory();
    const machine = await FakeMachine.make(folder.path, { nvme0n1: ROOT_DISK, nvme1n1: { model: EBS } });
    assert.match(await machine.start(), /this machine has none; .* is on the root disk/);
    assert.deepEqual(await machine.changes(), []);
  });

  const occupied: readonly (readonly [string, Disk])[] = [
    ['is mounted', { mountpoint: '/data' }],
    ['is swap', { mountpoint: '[SWAP]' }],
    ['has partitions', { parts: 'nvme1n1p1' }],
    ['has an empty partition table', { table: 'gpt' }],
    ['has a file system', { signature: 'xfs' }],
    ['has ext3, but is not called ephemeral', { signature: 'ext3' }],
    ['is part of another volume group', { signature: 'LVM2_member', group: 'data' }],
  ];
  for (const [what, facts] of occupied) {
    it(`skips instance storage that ${what}`, async () => {
      await using folder = await temporaryDirectory();
      const machine = await FakeMachine.make(folder.path, {
        nvme0n1: ROOT_DISK,
        nvme1n1: { model: NVME, ...facts },
        nvme2n1: { model: NVME },
      });
      assert.match(await machine.start(), /nvme1n1 is not used: /);
      assert.deepEqual(await machine.changes(), ['pvcreate nvme2n1', 'vgcreate nvme2n1', 'lvcreate', ...WHOLE]);
    });
  }

  it("uses disks that the metadata service calls ephemeral, under the kernel's name, even with their initial ext3", async () => {
    await using folder = await temporaryDirectory();
    const machine = await FakeMachine.make(folder.path, {
      nvme0n1: ROOT_DISK,
      xvdb: { signature: 'ext3' },
      xvdc: {},
      xvdf: {},
    });
    await machine.say('metadata/api/token', 'token');
    const mapping = { ami: 'sda1', ephemeral0: 'sdb', ephemeral1: '/dev/sdc', ephemeral2: 'sdd', ebs1: 'sdf' };
    for (const [name, disk] of Object.entries(mapping)) {
      await machine.say(`metadata/meta-data/block-device-mapping/${name}`, disk);
    }
    await machine.start();
    const made = ['pvcreate xvdb', 'pvcreate xvdc', 'vgcreate xvdb xvdc', 'lvcreate striped'];
    assert.deepEqual(await machine.changes(), [...made, ...WHOLE]);
  });

  it('never uses the disk of the root file system, whatever its name is', async () => {
    await using folder = await temporaryDirectory();
    const machine = await FakeMachine.make(folder.path, { nvme0n1: { model: NVME } });
    await machine.say('settings', `INSTANCE_STORAGE_DISKS=${machine.path('nvme0n1')}`);
    assert.match(await machine.start(), /not used: the root file system is on it/);
    assert.deepEqual(await machine.changes(), []);
  });

  it('uses existing disks that the operator names, and does not stripe unequal ones', async () => {
    await using folder = await temporaryDirectory();
    const machine = await FakeMachine.make(folder.path, {
      nvme0n1: ROOT_DISK,
      sdb: { size: '100' },
      sdc: { size: '200' },
    });
    const names = ['sdb', 'sdc', 'sdx'].map((name) => machine.path(name));
    await machine.say('settings', `INSTANCE_STORAGE_DISKS='${names.join(' ')}'`);
    assert.match(await machine.start(), /sdx is not used: it does not exist/);
    assert.deepEqual(await machine.changes(), [
      'pvcreate sdb',
      'pvcreate sdc',
      'vgcreate sdb sdc',
      'lvcreate',
      ...WHOLE,
    ]);
  });

  it('recreates the volume when one of its disks is missing after a stop of the machine', async () => {
    await using folder = await temporaryDirectory();
    const machine = await FakeMachine.make(folder.path, { nvme0n1: ROOT_DISK, nvme1n1: { model: NVME } });
    await machine.start();
    const before = (await machine.changes()).length;
    await machine.forget('mounted');
    await machine.say('missing', '1');
    await machine.start();
    const remade = ['vgreduce', 'vgremove', 'pvcreate nvme1n1', 'vgcreate nvme1n1', 'lvcreate', ...WHOLE];
    assert.deepEqual((await machine.changes()).slice(before), remade);
  });

  it("recreates the file system when it can't be repaired", async () => {
    await using folder = await temporaryDirectory();
    const machine = await FakeMachine.make(folder.path, { nvme0n1: ROOT_DISK, nvme1n1: { model: NVME } });
    await machine.start();
    const before = (await machine.changes()).length;
    await machine.forget('mounted');
    await machine.say('damaged', '');
    await machine.start();
    assert.deepEqual((await machine.changes()).slice(before), WHOLE);
  });

  it('prints in a dry run what it would do, and does nothing', async () => {
    await using folder = await temporaryDirectory();
    const machine = await FakeMachine.make(folder.path, { nvme0n1: ROOT_DISK, nvme1n1: { model: NVME } });
    const plan = await machine.start('--dry-run');
    for (const program of ['pvcreate', 'vgcreate', 'lvcreate', 'mkfs.ext4', 'mount']) {
      assert.match(plan, new RegExp(`would run: ${program.replace('.', '\\.')} `));
    }
    assert.deepEqual(await machine.changes(), []);
  });
});
