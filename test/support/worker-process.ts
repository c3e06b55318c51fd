import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nice as newSlugid } from 'slugid';
import type { TaskclusterCredentials } from '../../src/lib/config/config.js';
import { Program } from './program.js';
import { taskclusterEnv } from './test-task.js';

export interface WorkerProcessOptions {
  readonly rootUrl: string;
  readonly credentials: TaskclusterCredentials;
  /** Laid over the packaged defaults. */
  readonly settings?: object;
  /** Called with each line that it prints, from the first. */
  readonly onLine?: (line: string) => void;
}

/** The worker as it was built, in a process and with folders of its own. */
export class WorkerProcess {
  readonly program: Program;
  /** performance.now() just before the process was made. */
  readonly spawnedAtMs = performance.now();
  readonly workerId: string;
  readonly #directory: string;

  private constructor(options: WorkerProcessOptions, directory: string, workerId: string) {
    this.workerId = workerId;
    this.#directory = directory;
    this.program = new Program('worker', [join(directory, 'worker.yml')], taskclusterEnv(options));
    if (options.onLine) this.program.onLine(options.onLine);
  }

  /** Resolves with the process when that is there: it has not read its settings yet. */
  static async spawn(options: WorkerProcessOptions): Promise<WorkerProcess> {
    const directory = await mkdtemp(join(tmpdir(), 'docker-worker-process-'));
    const folders = { dockerVolume: directory, stateDir: join(directory, 'state') };
    const workerId = `process-${newSlugid()}`;
    const settings = { ...folders, ...options.settings, workerId };
    await writeFile(join(directory, 'worker.yml'), JSON.stringify(settings));
    return new WorkerProcess(options, directory, workerId);
  }

  /** Resolves when it is about to claim. */
  static async start(options: WorkerProcessOptions): Promise<WorkerProcess> {
    const worker = await WorkerProcess.spawn(options);
    await worker.program.prints('"type":"start"');
    return worker;
  }

  /** Kills it; what it had running is left. */
  async abandon(): Promise<void> {
    this.program.kill('SIGKILL');
    await this.program.ended;
    await rm(this.#directory, { recursive: true, force: true });
  }

  /** Lets it finish what it runs; fails when anything of its runs is left on the disk then. */
  async stop(): Promise<void> {
    this.program.kill('SIGQUIT');
    await this.program.ended;
    const runs = join(this.#directory, 'tmp', 'docker-worker-runs');
    const left = await readdir(runs).catch(() => []);
    await rm(this.#directory, { recursive: true, force: true });
    assert.deepEqual(left, []);
  }
}
