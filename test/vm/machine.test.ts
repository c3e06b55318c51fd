import { strict as assert } from 'node:assert';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import got from 'got';
import { nice as newSlugid } from 'slugid';
import { clients } from 'taskcluster-client';
import type { Queue, RunStatus } from 'taskcluster-client';
import { TaskWatcher } from '../../src/local-run/task-watcher.js';
import { LocalTaskcluster } from '../../src/local-taskcluster/server.js';
import { run, runOk } from '../deploy/machine-support.js';
import { shell, taskclusterEnv, testTask } from '../support/test-task.js';

/** Where the worker's configuration says that Taskcluster is. */
const PORT = 8080;
const ENVIRONMENT_FILE = '/run/docker-worker-test.env';
const MANY = 32;

/** 16 bit at 8 kHz: 2 s. */
const SOUND = `
head -c 32000 /dev/urandom >/tmp/in.raw
kind="-q -t raw -f S16_LE -r 8000 -c 1"
arecord $kind -D hw:$TASKCLUSTER_AUDIO_DEVICE,1 -d 8 /tmp/heard.raw &
sleep 2
aplay $kind -D hw:$TASKCLUSTER_AUDIO_DEVICE,0 /tmp/in.raw
wait
`;
const [WIDTH, HEIGHT] = [64, 48];
const FRAME_BYTES = WIDTH * HEIGHT * 2;
const PICTURE = `
head -c ${FRAME_BYTES} /dev/urandom >/tmp/frame.raw
show-frame $TASKCLUSTER_VIDEO_DEVICE ${WIDTH} ${HEIGHT} /tmp/frame.raw &
writer=$!
until v4l2-ctl -d $TASKCLUSTER_VIDEO_DEVICE --stream-mmap --stream-count=3 --stream-to=/tmp/seen.raw >/dev/null 2>&1 &&
  test -s /tmp/seen.raw; do sleep 1; done
kill $writer
`;
const RESULTS = ['in.raw', 'heard.raw', 'frame.raw', 'seen.raw'];

// In the guest, after it was provisioned and started again.
describe('a machine made by the provisioning scripts', () => {
  let taskcluster: LocalTaskcluster;
  let queue: Queue;

  before(async () => {
    await runOk(['test/vm/media-image.sh']);
    taskcluster = await LocalTaskcluster.start({ port: PORT });
    queue = new clients.Queue({ rootUrl: taskcluster.rootUrl, credentials: taskcluster.credentials });
  });
  after(() => taskcluster.close());

  const startWorker = async (): Promise<void> => {
    const variables = Object.entries(taskclusterEnv(taskcluster)).map(([name, value]) => `${name}=${value}\n`);
    await writeFile(ENVIRONMENT_FILE, variables.join(''), { mode: 0o600 });
    await runOk(['systemctl', 'start', 'docker-worker']);
  };
  const resolved = async (taskId: string): Promise<RunStatus> =>
    await new TaskWatcher(taskcluster.rootUrl, taskcluster.credentials, taskId).resolved();
  const artifact = async (taskId: string, name: string): Promise<Buffer> =>
    await got(queue.buildSignedUrl(queue.getArtifact, taskId, 0, name)).buffer();
  const logOf = async (taskId: string): Promise<string> => String(await artifact(taskId, 'public/logs/live.log'));

  it('has many loopback cameras and sound cards', async () => {
    const cameras = (await readdir('/dev')).filter((name) => /^video\d+$/.test(name));
    const cards = (await readdir('/dev/snd')).filter((name) => name.startsWith('controlC'));
    assert.deepEqual([cameras.length, cards.length], [MANY, MANY]);
  });

  it('has all instance storage at /mnt, with the files of docker on it, and leaves it at that', async () => {
    assert.equal(
      await runOk(['findmnt', '-n', '-o', 'SOURCE,FSTYPE', '/mnt']),
      '/dev/mapper/docker--worker-instance--storage ext4\n',
    );
    const volumes = await runOk(['pvs', '--noheadings', '-o', 'pv_name,vg_name']);
    assert.deepEqual(volumes.trim().split(/\s+/), ['/dev/vdb', 'docker-worker', '/dev/vdc', 'docker-worker']);
    assert.equal(await runOk(['docker', 'info', '--format', '{{.DockerRootDir}}']), '/mnt/docker\n');
    assert.doesNotMatch(await runOk(['/usr/local/sbin/docker-worker-instance-storage']), /changed:/);
    await runOk(['systemctl', 'stop', 'docker.socket', 'docker', 'containerd']);
    await runOk(['umount', '/mnt']);
    const mountedAgain = await runOk(['/usr/local/sbin/docker-worker-instance-storage']);
    assert.deepEqual(
      [...mountedAgain.matchAll(/changed: (\w+)/g)].map(([, program]) => program),
      ['vgchange', 'mount'],
    );
    await runOk(['systemctl', 'start', 'docker']);
  });

  it('keeps containers from the metadata service', async () => {
    const rules = await runOk(['iptables', '-S', 'DOCKER-USER']);
    assert.match(rules, /^-N DOCKER-USER\n-A DOCKER-USER -d 169\.254\.169\.254\/32 -j REJECT/);
    assert.equal(await runOk(['/usr/local/sbin/docker-worker-metadata-firewall']), '');
  });

  it('starts everything but what has nothing to do', async () => {
    const failed = await runOk([
      'systemctl',
      'list-units',
      '--failed',
      '--plain',
      '--no-legend',
      'docker*',
      'rsyslog*',
      'chrony*',
    ]);
    assert.equal(failed, '');
    const active = ['docker-worker-instance-storage', 'docker-worker-metadata-firewall', 'docker', 'rsyslog', 'chrony'];
    for (const unit of active) await runOk(['systemctl', 'is-active', unit]);
  });

  it('runs a task that hears what it plays and sees what it shows', async () => {
    await startWorker();
    const taskId = newSlugid();
    const expires = new Date(Date.now() + 3600_000).toISOString();
    const artifacts = Object.fromEntries(
      RESULTS.map((name) => [`private/${name}`, { type: 'file', path: `/tmp/${name}`, expires }]),
    );
    const capabilities = { devices: { loopbackAudio: true, loopbackVideo: true } };
    const payload = {
      ...shell(SOUND + PICTURE),
      image: 'docker-worker/media:latest',
      maxRunTime: 300,
      artifacts,
      capabilities,
    };
    await queue.createTask(taskId, testTask(payload, { scopes: ['docker-worker:capability:device:*'] }));
    const { state } = await resolved(taskId);
    assert.equal(state, 'completed', await logOf(taskId));
    const results = RESULTS.map((name) => artifact(taskId, `private/${name}`));
    const [played, heard, shown, seen] = await Promise.all(results);
    assert.ok(played && heard && shown && seen);
    // What is heard begins and ends with silence, and an emulated machine may miss some of the rest.
    assert.ok(heard.includes(played.subarray(8000, 16_000)), 'half a second of sound');
    assert.ok(seen.length >= FRAME_BYTES);
    assert.deepEqual(seen.subarray(-FRAME_BYTES), shown);
    assert.match(await logOf(taskId), /\[taskcluster/);
  });

  it('writes down what the worker says, and lets it end when it is told to', async () => {
    await runOk(['systemctl', 'stop', 'docker-worker']);
    const state = await runOk(['systemctl', 'show', '-p', 'Result,ExecMainStatus,ActiveState', 'docker-worker']);
    assert.match(state, /Result=success/);
    assert.match(state, /ExecMainStatus=0/);
    assert.match(await readFile('/var/log/docker-worker.log', 'utf8'), /docker-worker\[\d+\]: .*claimed task/);
    assert.doesNotMatch(await readFile('/var/log/syslog', 'utf8').catch(() => ''), /claimed task/);
  });

  it('lets the worker switch it off, for all that its unit takes from it', async () => {
    const unit = await readFile('/etc/systemd/system/docker-worker.service', 'utf8');
    const hardening = unit.match(
      /^(NoNewPrivileges|CapabilityBoundingSet|Protect\w+|Restrict\w+|ReadWritePaths|DevicePolicy)=.*$/gm,
    );
    assert.ok(hardening && hardening.length > 10);
    const properties = hardening.flatMap((line) => ['-p', line]);
    await runOk(['systemd-run', '--quiet', '--wait', '--pipe', ...properties, 'shutdown', '-h', '+60']);
    await runOk(['shutdown', '-c']);
    const forbidden = await run(['systemd-run', '--quiet', '--wait', '--pipe', ...properties, 'touch', '/etc/written']);
    assert.notEqual(forbidden.code, 0);
  });
});
