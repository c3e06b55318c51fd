import assert from 'node:assert/strict';
import { PassThrough, Writable } from 'node:stream';
import Docker from 'dockerode';
import got from 'got';
import { nice as newSlugid } from 'slugid';
import { clients } from 'taskcluster-client';
import type { Queue, RunStatus } from 'taskcluster-client';
import type { ConfigTree } from '../../src/lib/config/layers.js';
import { LABEL } from '../../src/lib/docker/engine.js';
import type { Feature } from '../../src/lib/task/feature.js';
import { LocalTaskcluster } from '../../src/local-taskcluster/server.js';
import type { LocalTaskclusterOptions } from '../../src/local-taskcluster/server.js';
import { LocalWorker } from '../../src/local-run/local-worker.js';
import { TaskWatcher } from '../../src/local-run/task-watcher.js';
import { MemoryLogger } from '../fakes/memory-logger.js';
import { testTask } from './test-task.js';
import { assertNoKeepersLeft } from './left-keepers.js';
import { until } from './until.js';

export interface HarnessOptions {
  readonly settings?: ConfigTree;
  readonly taskcluster?: LocalTaskclusterOptions;
  /** Features besides the worker's own. */
  readonly features?: readonly Feature[];
}

export interface FinishedTask {
  readonly taskId: string;
  readonly run: RunStatus;
  /** All runs of the task by now. */
  readonly runs: readonly RunStatus[];
  readonly log: string;
}

/** A worker, an embedded Taskcluster and the real engine, for one test or one suite. */
export class WorkerHarness {
  readonly taskcluster: LocalTaskcluster;
  readonly queue: Queue;
  readonly log: MemoryLogger;
  readonly workerId: string;
  readonly docker = new Docker();
  #worker: LocalWorker | undefined;

  private constructor(taskcluster: LocalTaskcluster, queue: Queue, log: MemoryLogger, workerId: string) {
    this.taskcluster = taskcluster;
    this.queue = queue;
    this.log = log;
    this.workerId = workerId;
  }

  static async start({
    settings = {},
    taskcluster: options = {},
    features = [],
  }: HarnessOptions = {}): Promise<WorkerHarness> {
    const taskcluster = await LocalTaskcluster.start(options);
    const { rootUrl, credentials } = taskcluster;
    const log = new MemoryLogger();
    const workerId = `test-${newSlugid()}`;
    const harness = new WorkerHarness(taskcluster, new clients.Queue({ rootUrl, credentials }), log, workerId);
    harness.#worker = await LocalWorker.start({
      rootUrl,
      credentials,
      settings: { taskQueue: { pollInterval: 50 }, task: { cancelPollInterval: 100 }, ...settings, workerId },
      env: process.env,
      log,
      version: '1.2.3',
      metricsOutput: new PassThrough().resume(),
      features,
    });
    return harness;
  }

  /** Creates a task for the worker; `payload` is laid over one that does nothing, `task` over the definition. */
  async create(payload: object, task: object = {}, taskId: string = newSlugid()): Promise<string> {
    await this.queue.createTask(taskId, testTask(payload, task));
    return taskId;
  }

  watch(taskId: string): TaskWatcher {
    const { rootUrl, credentials } = this.taskcluster;
    return new TaskWatcher(rootUrl, credentials, taskId);
  }

  /** Runs a task to the end of its first run. */
  async run(payload: object, task: object = {}): Promise<FinishedTask> {
    return await this.finish(await this.create(payload, task));
  }

  /** Waits for the end of a task's first run and reads its log. */
  async finish(taskId: string): Promise<FinishedTask> {
    const watcher = this.watch(taskId);
    const run = await watcher.resolved();
    const { status } = await this.queue.status(taskId);
    return { taskId, run, runs: status.runs, log: await this.logOf(taskId) };
  }

  /** The task's log from its first byte to its last; follows it while the task runs. */
  async logOf(taskId: string): Promise<string> {
    const log = new TextSink();
    await this.watch(taskId).followLog(log);
    return log.text;
  }

  /** Reads the live log until `text` has come. */
  async sees(taskId: string, text: string): Promise<void> {
    const log = new TextSink(text);
    const following = this.watch(taskId).followLog(log);
    await Promise.race([
      log.found,
      following.then(() => {
        assert.ok(log.text.includes(text), `the log ended without "${text}":\n${log.text}`);
      }),
    ]);
    following.catch(() => undefined);
  }

  async artifactNames(taskId: string): Promise<readonly string[]> {
    const { artifacts } = await this.queue.listArtifacts(taskId, 0);
    return artifacts.map(({ name }) => name).sort();
  }

  async artifactText(taskId: string, name: string): Promise<string> {
    return await got(this.queue.buildSignedUrl(this.queue.getArtifact, taskId, 0, name)).text();
  }

  /** Of the task's last run. */
  async latestArtifactText(taskId: string, name: string): Promise<string> {
    return await got(this.queue.buildSignedUrl(this.queue.getLatestArtifact, taskId, name)).text();
  }

  /** The worker's containers that exist now. */
  async containers(): Promise<readonly string[]> {
    const filters = { label: [`${LABEL.workerId}=${this.workerId}`] };
    return (await this.docker.listContainers({ all: true, filters })).map(({ Id }) => Id);
  }

  /** Removes an image that tasks had: their containers go some time after they are resolved. */
  async removeImage(name: string): Promise<void> {
    await until('no containers', () => this.containers(), { isDone: ({ length }) => length === 0 });
    await this.docker.getImage(name).remove();
  }

  async stopWorker(mode: 'graceful' | 'immediate'): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    if (!worker) return;
    await worker.stop(mode);
    await assertNoKeepersLeft(worker.config.dockerVolume);
  }

  /** Stops all and checks that the worker left no container. */
  async close(): Promise<void> {
    await this.stopWorker('immediate');
    await this.taskcluster.close();
    assert.deepEqual(await this.containers(), [], 'containers left behind');
  }
}

class TextSink extends Writable {
  text = '';
  readonly found: Promise<void>;
  readonly #awaited: string | undefined;
  #markFound = (): void => undefined;

  constructor(awaited?: string) {
    super({ decodeStrings: true });
    this.#awaited = awaited;
    this.found = new Promise((resolve) => {
      this.#markFound = resolve;
    });
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    this.text += chunk.toString('utf8');
    if (this.#awaited !== undefined && this.text.includes(this.#awaited)) this.#markFound();
    callback();
  }
}
