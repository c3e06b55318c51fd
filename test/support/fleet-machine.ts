import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import got from 'got';
import { nice as newSlugid } from 'slugid';
import { clients } from 'taskcluster-client';
import type { Queue, RunStatus } from 'taskcluster-client';
import type { ConfigTree } from '../../src/lib/config/layers.js';
import { LocalTaskcluster } from '../../src/local-taskcluster/server.js';
import { TaskWatcher } from '../../src/local-run/task-watcher.js';
import { Program } from './program.js';
import { shell, testTask } from './test-task.js';
import { until } from './until.js';

/** A deployment, a folder in the place of a machine's own, and the workers that are started on it. */
export class FleetMachine {
  readonly directory: string;
  readonly taskcluster: LocalTaskcluster;
  readonly queue: Queue;
  readonly #workers: Program[] = [];

  private constructor(directory: string, taskcluster: LocalTaskcluster) {
    this.directory = directory;
    this.taskcluster = taskcluster;
    this.queue = new clients.Queue({ rootUrl: taskcluster.rootUrl, credentials: taskcluster.credentials });
  }

  static async start(): Promise<FleetMachine> {
    const taskcluster = await LocalTaskcluster.start({ longPollMs: 500 });
    return new FleetMachine(await mkdtemp(join(tmpdir(), 'fleet-machine-')), taskcluster);
  }

  /** What the profile `production` needs to leave this machine alone. */
  get settings(): ConfigTree {
    return {
      dockerVolume: this.directory,
      stateDir: join(this.directory, 'state'),
      statelessHostname: { enabled: false },
      logging: { secureLiveLogging: false },
      garbageCollection: { wholeMachine: false },
      capacityManagement: { diskspaceThreshold: 1_000_000 },
      taskQueue: { pollInterval: 50 },
      shutdown: { nodeTerminationPoll: 500 },
    };
  }

  worker(args: readonly string[], env: Readonly<Record<string, string>>, input: 'ignore' | 'pipe' = 'ignore'): Program {
    const program = new Program('worker', args, { HOME: this.directory, ...env }, { input });
    this.#workers.push(program);
    return program;
  }

  async createTask(script: string): Promise<string> {
    const taskId = newSlugid();
    await this.queue.createTask(taskId, testTask({ ...shell(script), maxRunTime: 600 }));
    return taskId;
  }

  async resolved(taskId: string): Promise<RunStatus> {
    const { rootUrl, credentials } = this.taskcluster;
    return await new TaskWatcher(rootUrl, credentials, taskId).resolved();
  }

  /** The log of the first run, as it was uploaded. */
  async logOf(taskId: string): Promise<string> {
    const url = this.queue.buildSignedUrl(this.queue.getArtifact, taskId, 0, 'public/logs/live.log');
    return await got(url, { retry: { limit: 0 } }).text();
  }

  /** Resolves when the queue has answered two more claims that began after this call. */
  async claimsTwice(): Promise<void> {
    const claims = (): number =>
      this.taskcluster.calls.list().filter(({ call, status }) => call === 'queue.claimWork' && status === 200).length;
    const enough = claims() + 2;
    await until('the queue answers two more claims', claims, { isDone: (count) => count >= enough });
  }

  async close(): Promise<void> {
    for (const worker of this.#workers) worker.kill('SIGKILL');
    await Promise.all(this.#workers.map(({ ended }) => ended));
    await this.taskcluster.close();
    await rm(this.directory, { recursive: true, force: true });
  }
}
