import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nice as newSlugid } from 'slugid';
import type { Queue } from 'taskcluster-client';
import { TaskWatcher } from '../../src/local-run/task-watcher.js';
import { QueueProcess } from '../bench/queue-process.js';
import { Program } from '../support/program.js';
import { shell, taskclusterEnv, testTask } from '../support/test-task.js';

/** The worker as it was built and a Taskcluster, each a process of its own, so that the worker's memory can be measured. */
export class Daemon {
  readonly queue: Queue;
  readonly worker: Program;
  readonly #taskcluster: QueueProcess;
  readonly #directory: string;

  private constructor(taskcluster: QueueProcess, directory: string) {
    this.queue = taskcluster.queue;
    this.#taskcluster = taskcluster;
    this.#directory = directory;
    this.worker = new Program('dist/bin/worker.js', [join(directory, 'worker.yml')], taskclusterEnv(taskcluster));
  }

  static async start(): Promise<Daemon> {
    const taskcluster = await QueueProcess.start();
    const directory = await mkdtemp(join(tmpdir(), 'big-'));
    const settings = { dockerVolume: directory, stateDir: join(directory, 'state'), workerId: `big-${newSlugid()}` };
    await writeFile(join(directory, 'worker.yml'), JSON.stringify(settings));
    const daemon = new Daemon(taskcluster, directory);
    await daemon.worker.prints('"type":"start"');
    return daemon;
  }

  async create(script: string, payload: object = {}): Promise<string> {
    const taskId = newSlugid();
    await this.queue.createTask(taskId, testTask({ ...shell(script), maxRunTime: 600, ...payload }));
    return taskId;
  }

  /** Waits for the end of a task that must succeed. */
  async succeeds(taskId: string): Promise<void> {
    const { rootUrl, credentials } = this.#taskcluster;
    const { state } = await new TaskWatcher(rootUrl, credentials, taskId).resolved();
    assert.equal(state, 'completed', this.worker.stdout.slice(-5000));
  }

  urlOf(taskId: string, name: string): string {
    return this.queue.buildSignedUrl(this.queue.getArtifact, taskId, 0, name);
  }

  /** Fails when the worker has ever had more; says how much it was. */
  async assertPeakBelow(limitMiB: number): Promise<void> {
    const peak = await this.worker.peakMemoryMiB();
    process.stdout.write(`      the worker's memory: at most ${peak} MiB\n`);
    assert.ok(peak < limitMiB, `the worker took ${peak} MiB`);
  }

  /** Ends both and checks that nothing is left on the disk. */
  async stop(): Promise<void> {
    this.worker.kill('SIGTERM');
    await this.worker.ended;
    await this.#taskcluster.stop();
    const left = await readdir(join(this.#directory, 'tmp', 'docker-worker-runs'));
    await rm(this.#directory, { recursive: true, force: true });
    assert.deepEqual(left, []);
  }
}
