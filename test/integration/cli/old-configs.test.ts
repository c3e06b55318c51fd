import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { nice as newSlugid } from 'slugid';
import type { ConfigTree } from '../../../src/lib/config/layers.js';
import { FleetMachine } from '../../support/fleet-machine.js';
import type { Program } from '../../support/program.js';
import { taskclusterEnv } from '../../support/test-task.js';

/** Keeps a worker away from /mnt, which old configurations use, and from other workers on this machine. */
async function isolate(machine: FleetMachine): Promise<void> {
  const { directory } = machine;
  const own = {
    provisionerId: 'local',
    workerType: 'docker-worker',
    workerGroup: 'local',
    workerId: `old-${newSlugid()}`,
    dockerVolume: directory,
    stateDir: join(directory, 'state'),
    cache: { volumeCachePath: join(directory, 'caches') },
    capacityManagement: { diskspaceThreshold: 1_000_000 },
    garbageCollection: { wholeMachine: false },
    taskQueue: { pollInterval: 50 },
  };
  await writeFile(join(directory, 'docker-worker.conf.json'), JSON.stringify(own));
}

describe('a worker with the configuration of an older version', () => {
  let machine: FleetMachine;

  beforeEach(async () => {
    machine = await FleetMachine.start();
    await isolate(machine);
  });
  afterEach(() => machine.close());

  async function works(worker: Program): Promise<void> {
    const taskId = await machine.createTask('true');
    const failed = worker.ended.then(() => assert.fail(`it has ended:\n${worker.stdout}${worker.stderr}`));
    assert.equal((await Promise.race([machine.resolved(taskId), failed])).state, 'completed');
    failed.catch(() => undefined);
    worker.kill('SIGQUIT');
    assert.deepEqual(await worker.ended, { code: 0, signal: null });
  }

  for (const version of ['2019', '99']) {
    const file = resolve(`test/fixtures/old-config/${version}.yml`);

    for (const profile of ['defaults', 'test']) {
      it(`runs a task: ${version}, profile ${profile}`, async () => {
        await works(machine.worker([file, '--profile', profile], taskclusterEnv(machine.taskcluster)));
      });
    }

    it(`claims nothing without a certificate: ${version}, profile production`, async () => {
      const idle = { shutdown: { enabled: true, afterIdleSeconds: 1 } };
      const settings = join(machine.directory, 'settings');
      await mkdir(settings);
      await writeFile(join(settings, 'configure'), JSON.stringify(idle));
      const env = { ...taskclusterEnv(machine.taskcluster), DOCKER_WORKER_TEST_SETTINGS: settings };
      await machine.createTask('true');
      const worker = machine.worker(['--host', 'test', file, '--profile', 'production'], env);
      assert.deepEqual(await worker.ended, { code: 0, signal: null });
      assert.match(worker.stdout, /"type":"\[alert-operator\] live logs cannot be served"/);
      assert.match(worker.stdout, /"afterMs":1000\b/);
      assert.doesNotMatch(worker.stdout, /"type":"claimed task"/);
    });
  }

  it('runs tasks with the settings that the worker-runner of docker-worker 99 writes', async () => {
    const { rootUrl, credentials } = machine.taskcluster;
    const written: ConfigTree = {
      instanceType: 'c5.large',
      workerNodeType: 'c5.large',
      instanceId: 'i-0123456789',
      publicIp: '127.0.0.1',
      privateIp: '127.0.0.1',
      region: 'us-west-2',
      workerLocation: '{"cloud":"none"}',
      rootUrl,
      taskcluster: { ...credentials },
      workerId: `old-${newSlugid()}`,
      workerGroup: 'local',
      provisionerId: 'local',
      workerType: 'docker-worker',
      capacity: 1,
      // From the pool: a production worker without a certificate claims nothing.
      logging: { secureLiveLogging: false },
    };
    const configPath = join(machine.directory, 'runner.json');
    await writeFile(configPath, JSON.stringify(written));
    for (const host of ['worker-runner', 'taskcluster-worker-runner']) {
      const args = ['--host', host, 'production'];
      const worker = machine.worker(args, { DOCKER_WORKER_CONFIG: configPath }, 'pipe');
      worker.write('~{"type":"welcome","capabilities":["graceful-termination","shutdown"]}\n');
      await worker.prints('"afterMs":300000');
      await works(worker);
      assert.match(worker.stderr, /warning: statelessHostname: .* are at 127\.0\.0\.1\n/);
    }
  });
});
