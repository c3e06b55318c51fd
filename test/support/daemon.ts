import assert from 'node:assert/strict';
import { nice as newSlugid } from 'slugid';
import type { Queue } from 'taskcluster-client';
import { TaskWatcher } from '../../src/local-run/task-watcher.js';
import type { Program } from './program.js';
import { QueueProcess } from './queue-process.js';
import { shell, testTask } from './test-task.js';
import { WorkerProcess } from './worker-process.js';
import type { WorkerProcessOptions } from './worker-process.js';

/** A worker and a Taskcluster, each a process of its own, so that the worker's memory can be measured. */
export class Daemon {
  readonly taskcluster: QueueProcess;
  readonly process: WorkerProcess;

  private constructor(taskcluster: QueueProcess, process: WorkerProcess) {
    this.taskcluster = taskcluster;
    this.process = process;
  }

  static async start(options: Pick<WorkerProcessOptions, 'settings' | 'onLine'> = {}): Promise<Daemon> {
    const taskcluster = await QueueProcess.start();
    try {
      const { rootUrl, credentials } = taskcluster;
      return new Daemon(taskcluster, await WorkerProcess.start({ rootUrl, credentials, ...options }));
    } catch (error) {
      await taskcluster.stop();
      throw error;
    }
  }

  get queue(): Queue {
    return this.taskcluster.queue;
  }

  get worker(): Program {
    return this.process.program;
  }

  async create(script: string, payload: object = {}): Promise<string> {
    const taskId = newSlugid();
    await this.queue.createTask(taskId, testTask({ ...shell(script), maxRunTime: 600, ...payload }));
    return taskId;
  }

  /** Waits for the end of a task that must succeed. */
  async succeeds(taskId: string): Promise<void> {
    const { rootUrl, credentials } = this.taskcluster;
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
    try {
      await this.process.stop();
    } finally {
      await this.taskcluster.stop();
    }
  }
}
