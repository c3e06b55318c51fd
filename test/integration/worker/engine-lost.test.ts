import assert from 'node:assert/strict';
import Docker from 'dockerode';
import { IsolatedDaemon } from '../../support/docker-daemon.js';
import { InterveningEngine } from '../../support/intervening-engine.js';
import { shell } from '../../support/test-task.js';
import { until } from '../../support/until.js';
import { WorkerHarness } from '../../support/worker-harness.js';
import type { FinishedTask } from '../../support/worker-harness.js';

const LOST = /\n\[taskcluster:error\] [^]*Docker engine[^]*The queue runs the task again while it has retries left\.\n/;
const WAITS = { ...shell('echo running; sleep 600'), maxRunTime: 600 };

describe('a worker that loses its engine', function () {
  this.timeout(180_000);
  let daemon: IsolatedDaemon;
  let engine: InterveningEngine;
  let harness: WorkerHarness;

  before(async () => {
    daemon = await IsolatedDaemon.start();
    engine = await InterveningEngine.start(daemon.socketPath);
    const dockerConfig = { maxAttempts: 2, delayFactor: 100 };
    const docker = { socketPath: daemon.socketPath };
    harness = await WorkerHarness.start({ settings: { docker, dockerConfig, task: { engineRestartTimeout: 3000 } } });
  });
  after(async () => {
    await harness.close();
    await engine.close();
    await daemon.stop();
  });

  /** Cancels the task afterwards, so that its next run does not occupy the worker. */
  const finish = async (taskId: string): Promise<FinishedTask> => {
    const finished = await harness.finish(taskId);
    await harness.queue.cancelTask(taskId);
    return finished;
  };

  const assertAnotherRun = ({ run, runs, log }: FinishedTask): void => {
    assert.equal(run.reasonResolved, 'worker-shutdown', log);
    assert.match(log, LOST);
    assert.doesNotMatch(log, /exit code: 1(37|43)/);
    assert.equal(runs.length, 2);
  };

  it('has a running task run again, and claims nothing until the engine is back', async () => {
    const taskId = await harness.create(WAITS);
    await harness.sees(taskId, 'running');
    await daemon.kill();
    assertAnotherRun(await finish(taskId));
    const next = await harness.create({ command: ['echo', 'again'] });
    await harness.log.next('error reaching docker');
    assert.equal((await harness.queue.status(next)).status.state, 'pending');
    await daemon.startAgain();
    assert.equal((await harness.finish(next)).run.state, 'completed');
    const docker = new Docker({ socketPath: daemon.socketPath });
    // A task is resolved before its container is removed.
    await until('no containers', () => docker.listContainers({ all: true }), { isDone: ({ length }) => length === 0 });
  });

  for (const [when, request] of [
    ['while its image is looked up', /^GET \/images\/.*\/json/],
    ['before its container is created', /^POST \/containers\/create/],
    ['before its container is started', /^POST \/containers\/\w+\/start/],
  ] as const) {
    it(`has a task run again when the engine is lost ${when}`, async () => {
      let killed: Promise<void> | undefined;
      engine.intervene = (text) => (request.test(text) ? (killed ??= daemon.kill()) : undefined);
      // The engine may have started the container before it is gone: then the run waits for it.
      const settings = { docker: { socketPath: engine.socketPath }, task: { engineRestartTimeout: 3000 } };
      const other = await WorkerHarness.start({ settings });
      try {
        const taskId = await other.create(WAITS);
        const finished = await other.finish(taskId);
        await other.queue.cancelTask(taskId);
        assertAnotherRun(finished);
      } finally {
        await other.close();
        await killed;
        await daemon.startAgain();
      }
    });
  }

  for (const [what, command] of [
    ['is killed', 'sleep 600'],
    ['exits by itself on SIGTERM', 'trap "exit 9" TERM; sleep 600 & wait'],
  ] as const) {
    it(`does not blame a task that ${what} when the engine is stopped`, async () => {
      const taskId = await harness.create({ ...shell(`echo running; ${command}`), maxRunTime: 600 });
      await harness.sees(taskId, 'running');
      await daemon.terminate();
      assertAnotherRun(await finish(taskId));
      await daemon.startAgain();
      assert.equal((await harness.run({})).run.state, 'completed');
    });
  }
});

describe('a worker whose engine is restarted with live-restore', function () {
  this.timeout(180_000);
  let daemon: IsolatedDaemon;
  let harness: WorkerHarness;
  before(async () => {
    daemon = await IsolatedDaemon.start('--live-restore');
    harness = await WorkerHarness.start({ settings: { docker: { socketPath: daemon.socketPath } } });
  });
  after(async () => {
    await harness.close();
    await daemon.stop();
  });

  for (const way of ['kill', 'terminate'] as const) {
    it(`goes on with its runs after dockerd's ${way === 'kill' ? 'crash' : 'stop'}`, async () => {
      const taskId = await harness.create({
        ...shell('for i in 1 2 3 4 5 6 7 8; do echo tick $i; sleep 1; done; echo made > /made; exit 3'),
        artifacts: { 'public/made': { type: 'file', path: '/made' } },
      });
      await harness.log.next('task run', taskId);
      await daemon[way]();
      await daemon.startAgain('--live-restore');
      const { run, runs, log } = await harness.finish(taskId);
      assert.equal(runs.length, 1, log);
      assert.equal(run.state, 'failed', log);
      assert.match(log, /exit code: 3 /);
      assert.deepEqual(
        log.match(/^tick \d\r$/gm),
        [1, 2, 3, 4, 5, 6, 7, 8].map((tick) => `tick ${tick}\r`),
      );
      assert.match(log, /Docker was away for \d+ s and the task continues\./);
      assert.deepEqual(await harness.artifactNames(taskId), [
        'public/logs/live.log',
        'public/logs/live_backing.log',
        'public/made',
      ]);
    });
  }
});
