import { createWriteStream } from 'node:fs';
import type { WriteStream } from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { finished } from 'node:stream/promises';
import type { WorkerEvent, WorkerProcess } from '../stress/worker-process.js';
import type { Timeline } from './timeline.js';
import type { World } from './world.js';

/** As `RestartSec` of a systemd unit. */
const RESTART_MS = 500;
/** Only catches a worker that hangs. */
const STOP_LIMIT_MS = 240_000;

/** How a worker process ended that nobody had told to. */
export interface OwnEnd {
  readonly atMs: number;
  readonly how: string;
  readonly complaints: string;
}

/** Keeps a worker running, as a service manager does, and kills or stops it when asked. */
export class Supervisor {
  readonly events: WorkerEvent[] = [];
  readonly ownEnds: OwnEnd[] = [];
  /** What workers wrote to the standard error besides. */
  readonly complaints: string[] = [];
  /** Tokens of claims, as they were found in the state of workers that had been killed. */
  readonly tokens = new Set<string>();
  starts = 0;
  hung = 0;
  readonly #world: World;
  readonly #timeline: Timeline;
  readonly #onEvent: (event: WorkerEvent) => void;
  readonly #log: WriteStream;
  #worker: WorkerProcess | undefined;
  /** Those that were told to end. */
  readonly #dismissed = new WeakSet<WorkerProcess>();

  constructor(world: World, timeline: Timeline, logFile: string, onEvent: (event: WorkerEvent) => void) {
    this.#world = world;
    this.#timeline = timeline;
    this.#onEvent = onEvent;
    this.#log = createWriteStream(logFile);
  }

  start(): void {
    this.starts += 1;
    const worker = this.#world.startWorker((event) => {
      this.events.push(event);
      this.#onEvent(event);
    });
    this.#worker = worker;
    void worker.ended.then(({ code, signal }) => {
      this.#log.write(worker.output + worker.complaints);
      const complaints = worker.complaints.trim();
      if (!this.#dismissed.has(worker)) void this.#comeBack(worker, String(code ?? signal), complaints);
      else if (complaints !== '') this.complaints.push(complaints);
    });
  }

  /** SIGKILL; nothing is started. */
  async kill(): Promise<void> {
    if (!this.#worker) return;
    this.#dismissed.add(this.#worker);
    await this.#worker.kill();
    await this.#collectTokens();
  }

  /** SIGQUIT; nothing is started. Returns the exit code, undefined for a worker that had to be killed as it did not end. */
  async stop(): Promise<number | null | undefined> {
    const worker = this.#worker;
    if (!worker) return 0;
    this.#dismissed.add(worker);
    const timer = new AbortController();
    const late = sleep(STOP_LIMIT_MS, 'late' as const, { signal: timer.signal }).catch(() => 'late' as const);
    const code = await Promise.race([worker.stop(), late]);
    timer.abort();
    if (code !== 'late') return code;
    this.hung += 1;
    await worker.kill();
    return undefined;
  }

  pauseReading(): void {
    this.#worker?.pauseReading();
  }

  resumeReading(): void {
    this.#worker?.resumeReading();
  }

  get pid(): number {
    return this.#worker?.pid ?? 0;
  }

  /** All that workers printed so far is on the disk once this resolves; no worker may be running. */
  async close(): Promise<void> {
    this.#log.end();
    await finished(this.#log);
  }

  async #comeBack(worker: WorkerProcess, how: string, complaints: string): Promise<void> {
    this.ownEnds.push({ atMs: Date.now(), how, complaints });
    this.#timeline.say(`the worker ended by itself (${how}): ${complaints.slice(0, 300)}`);
    await sleep(RESTART_MS);
    if (this.#worker === worker && !this.#dismissed.has(worker)) this.start();
  }

  async #collectTokens(): Promise<void> {
    const directory = join(this.#world.stateDir, 'runs');
    for (const name of await readdir(directory).catch(() => [])) {
      const [, token] = /"accessToken":\s*"([^"]+)"/.exec(await readFile(join(directory, name), 'utf8')) ?? [];
      if (token !== undefined) this.tokens.add(token);
    }
  }
}
