import assert from 'node:assert/strict';
import { chown, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Docker from 'dockerode';
import got from 'got';
import { nice as newSlugid } from 'slugid';
import { clients } from 'taskcluster-client';
import type { Queue, RunStatus } from 'taskcluster-client';
import { LocalTaskcluster } from '../../src/local-taskcluster/server.js';
import type { LocalTaskclusterOptions } from '../../src/local-taskcluster/server.js';
import { endedRun } from './ended-run.js';
import { assertNoKeepersLeft } from './left-keepers.js';
import { Program } from './program.js';
import { shell, taskclusterEnv, testTask } from './test-task.js';
import type { UnprivilegedUser } from './unprivileged-user.js';
import { until } from './until.js';

export const LIVE_LOG = 'public/logs/live.log';

export interface KillableWorkerOptions {
  /** The path of another engine's socket. */
  readonly socketPath?: string;
  readonly taskcluster?: LocalTaskclusterOptions;
  /** Whose process the worker is, that of the test when not given. Needs root. */
  readonly user?: UnprivilegedUser;
}

/** A Taskcluster, and a worker that is a process of its own, which can be killed and started again with the same state. */
export class KillableWorker {
  readonly taskcluster: LocalTaskcluster;
  readonly queue: Queue;
  readonly docker: Docker;
  readonly #directory: string;
  readonly #workerId = `kill-${newSlugid().slice(0, 10).replace(/[_-]/g, 'x')}`;
  readonly #dockerHost: string | undefined;
  readonly #user: UnprivilegedUser | undefined;
  #program: Program | undefined;

  private constructor(taskcluster: LocalTaskcluster, directory: string, options: KillableWorkerOptions) {
    const { socketPath, user } = options;
    this.taskcluster = taskcluster;
    this.queue = new clients.Queue({ rootUrl: taskcluster.rootUrl, credentials: taskcluster.credentials });
    this.docker = new Docker({ ...(socketPath !== undefined && { socketPath }) });
    this.#directory = directory;
    this.#user = user;
    this.#dockerHost = socketPath === undefined ? process.env['DOCKER_HOST'] : `unix://${socketPath}`;
  }

  /** Starts no worker yet. */
  static async create(settings: object = {}, options: KillableWorkerOptions = {}): Promise<KillableWorker> {
    const directory = await mkdtemp(join(tmpdir(), 'worker-killed-'));
    if (options.user) await chown(directory, options.user.uid, options.user.gid);
    const worker = new KillableWorker(await LocalTaskcluster.start(options.taskcluster), directory, options);
    await worker.configure(settings);
    return worker;
  }

  /** What the next start reads. */
  async configure(settings: object): Promise<void> {
    const config = {
      dockerVolume: join(this.#directory, 'volume'),
      stateDir: this.stateDir,
      workerId: this.#workerId,
      capacity: 4,
      taskQueue: { pollInterval: 100 },
      task: { cancelPollInterval: 200 },
      ...settings,
    };
    await writeFile(this.#configPath, JSON.stringify(config));
  }

  get stateDir(): string {
    return join(this.#directory, 'state');
  }

  get program(): Program {
    return this.#program ?? assert.fail('the worker was not started');
  }

  start(env: Readonly<Record<string, string>> = {}): Program {
    const given = {
      ...taskclusterEnv(this.taskcluster),
      ...(this.#dockerHost !== undefined && { DOCKER_HOST: this.#dockerHost }),
      ...env,
    };
    this.#program = new Program('worker', [this.#configPath], given, { ...(this.#user && { user: this.#user }) });
    return this.#program;
  }

  async kill(): Promise<void> {
    this.program.kill('SIGKILL');
    await this.program.ended;
  }

  /** Lets all tasks end. */
  async stop(): Promise<void> {
    // A worker that is stopped earlier cleans nothing up.
    await this.program.prints('"type":"start"');
    this.program.kill('SIGQUIT');
    const { stdout, stderr } = this.program;
    assert.deepEqual(await this.program.ended, { code: 0, signal: null }, stdout + stderr);
  }

  async createTask(script: string, payload: object = {}, task: object = {}): Promise<string> {
    const taskId = newSlugid();
    await this.queue.createTask(taskId, testTask({ ...shell(script), ...payload }, { retries: 5, ...task }));
    return taskId;
  }

  async runs(taskId: string): Promise<readonly RunStatus[]> {
    return (await this.queue.status(taskId)).status.runs;
  }

  /** Waits for the end of the task's first run, which must be its only one; returns that and the whole log. */
  async ended(taskId: string): Promise<{ readonly run: RunStatus; readonly log: string }> {
    const run = await endedRun(this.queue, taskId, 0);
    const log = await this.#publishedLog(taskId);
    assert.equal((await this.runs(taskId)).length, 1, `${JSON.stringify(run)}\n${log}\n${this.program.stdout}`);
    return { run, log };
  }

  async #publishedLog(taskId: string): Promise<string> {
    let refusal: unknown;
    const look = async (): Promise<string | undefined> => {
      try {
        return await this.textOf(taskId, LIVE_LOG);
      } catch (error) {
        refusal = error;
        return undefined;
      }
    };
    try {
      return (await until('the log is published', look)) ?? '';
    } catch (error) {
      const { artifacts } = await this.queue.listArtifacts(taskId, 0);
      const told = this.program.stdout.split('\n').filter((line) => line.includes(taskId));
      throw new Error([String(error), String(refusal), JSON.stringify(artifacts), ...told].join('\n'), {
        cause: error,
      });
    }
  }

  urlOf(taskId: string, name: string, runId = 0): string {
    return this.queue.buildSignedUrl(this.queue.getArtifact, taskId, runId, name);
  }

  async textOf(taskId: string, name: string, runId = 0): Promise<string> {
    return await got(this.urlOf(taskId, name, runId), { retry: { limit: 0 } }).text();
  }

  /** The address of the task's live log. */
  async liveUrl(taskId: string): Promise<string> {
    const look = async (): Promise<string | undefined> => {
      const { headers, statusCode } = await got(this.urlOf(taskId, LIVE_LOG), {
        followRedirect: false,
        throwHttpErrors: false,
      });
      return statusCode === 303 ? headers.location : undefined;
    };
    return (await until('the live log is published', look)) ?? '';
  }

  /** The containers of this worker. */
  async containers(): Promise<readonly string[]> {
    const filters = { label: [`taskcluster.worker-id=${this.#workerId}`] };
    return (await this.docker.listContainers({ all: true, filters })).map(({ Id }) => Id);
  }

  /** Fails when the worker, which has ended, has left containers, networks, records or files of runs. */
  async assertNothingLeft(): Promise<void> {
    const filters = { label: [`taskcluster.worker-id=${this.#workerId}`] };
    assert.deepEqual(await this.containers(), []);
    assert.deepEqual(await this.docker.listNetworks({ filters }), []);
    assert.deepEqual(await readdir(join(this.stateDir, 'runs')), []);
    await assertNoKeepersLeft(this.#directory);
    // The directory of runs is removed when it is empty; the lock's file may stay.
    const left = await readdir(join(this.#directory, 'volume/tmp/docker-worker-runs'), { recursive: true });
    assert.deepEqual(
      left.filter((path) => !path.endsWith('.pid')),
      [],
    );
  }

  async remove(): Promise<void> {
    if (this.#program) await this.kill();
    for (const id of await this.containers()) await this.docker.getContainer(id).remove({ force: true, v: true });
    await this.taskcluster.close();
    await rm(this.#directory, { recursive: true, force: true });
  }

  get #configPath(): string {
    return join(this.#directory, 'worker.yml');
  }
}

/** The output of a task's command, without the lines of the worker, and how often the worker says that it was away. */
export function outputOf(log: string): { readonly output: string; readonly timesAway: number } {
  const [, inside = assert.fail(log)] =
    /=== Task Starting ===\n([^]*)\[taskcluster [^\]]*\] === Task Finished ===/.exec(log) ?? [];
  return {
    output: inside.replace(/^\[taskcluster [^\]]*\] .*\n/gm, ''),
    timesAway: log.match(/The worker was away for \d+ s and continues this run\./g)?.length ?? 0,
  };
}
