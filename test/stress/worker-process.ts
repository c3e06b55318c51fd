import { readFile, readdir, readlink } from 'node:fs/promises';
import { Program } from '../support/program.js';
import type { Ended } from '../support/program.js';
import { Looks } from './looks.js';

/** A line of the worker's log. */
export interface WorkerEvent {
  readonly type: string;
  readonly taskId?: string;
  /** ISO 8601. */
  readonly time: string;
  readonly [field: string]: unknown;
}

export interface WorkerProcessOptions {
  readonly configFile: string;
  readonly env: Readonly<Record<string, string>>;
  readonly onEvent: (event: WorkerEvent) => void;
  /** That of the test when not given. */
  readonly networkNamespacePath?: string;
}

/** What a process holds. */
export interface Held {
  readonly rssMiB: number;
  /** What its descriptors lead to, without sockets and the one for notices of changed files; how often each. */
  readonly files: Readonly<Record<string, number>>;
  readonly sockets: number;
}

/** node opens one at the first file that is watched, for all that it watches, and never closes it. */
const NOTICES = 'anon_inode:inotify';

/** The worker as it was built, in a process of its own, and what its log says. */
export class WorkerProcess {
  readonly events: WorkerEvent[] = [];
  readonly #program: Program;
  readonly #onEvent: (event: WorkerEvent) => void;
  readonly #looks = new Looks();

  constructor(options: WorkerProcessOptions) {
    const { configFile, env, onEvent, networkNamespacePath } = options;
    this.#onEvent = onEvent;
    const namespace = networkNamespacePath === undefined ? {} : { networkNamespacePath };
    this.#program = new Program('worker', [configFile], env, namespace);
    this.#program.onLine((line) => {
      this.#read(line);
    });
  }

  /** Resolves once `isTrue`, which is asked with each line of the log; fails when the worker ends before. */
  async until(isTrue: () => boolean): Promise<void> {
    await this.#looks.until(isTrue, (happened) => this.whileItRuns(happened));
  }

  /** What `work` comes to; fails when the worker ends before. */
  async whileItRuns<T>(work: Promise<T>): Promise<T> {
    const ended = this.#program.ended.then(({ code, signal }) => {
      throw new Error(`the worker ended (${String(code ?? signal)}):\n${this.complaints}\n${this.#lastWords()}`);
    });
    return await Promise.race([work, ended]);
  }

  async held(): Promise<Held> {
    const directory = `/proc/${this.#program.pid}`;
    const [, kiB = ''] = /^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`${directory}/status`, 'utf8')) ?? [];
    const targets = await Promise.all(
      (await readdir(`${directory}/fd`)).map((fd) => targetOf(`${directory}/fd/${fd}`)),
    );
    const counts = new Map<string, number>();
    for (const target of targets.sort()) counts.set(target, (counts.get(target) ?? 0) + 1);
    if (counts.get(NOTICES) === 1) counts.delete(NOTICES);
    counts.delete('socket');
    return {
      rssMiB: Math.round(Number(kiB) / 1024),
      files: Object.fromEntries(counts),
      sockets: targets.filter((target) => target === 'socket').length,
    };
  }

  /** Asks it to end once its runs have ended, and returns its exit code. */
  async stop(): Promise<number | null> {
    this.#program.kill('SIGQUIT');
    return (await this.#program.ended).code;
  }

  async kill(): Promise<void> {
    this.#program.kill('SIGKILL');
    this.resumeReading();
    await this.#program.ended;
  }

  /** Leaves its log unread until `resumeReading`. */
  pauseReading(): void {
    this.#program.pauseReading();
  }

  resumeReading(): void {
    this.#program.resumeReading();
  }

  get ended(): Promise<Ended> {
    return this.#program.ended;
  }

  get pid(): number {
    return this.#program.pid;
  }

  /** All that it has printed. */
  get output(): string {
    return this.#program.stdout;
  }

  /** What it wrote to the standard error: nothing, when all is well. */
  get complaints(): string {
    return this.#program.stderr;
  }

  #read(line: string): void {
    // Lines for other readers, such as WORKER_METRICS, are no JSON.
    if (!line.startsWith('{')) return;
    const event = JSON.parse(line) as WorkerEvent;
    this.events.push(event);
    this.#onEvent(event);
    this.#looks.all();
  }

  #lastWords(): string {
    return this.events
      .slice(-20)
      .map((event) => JSON.stringify(event))
      .join('\n');
  }
}

async function targetOf(link: string): Promise<string> {
  try {
    // Pipes and sockets differ by a number alone.
    return (await readlink(link)).replace(/:\[\d+\]$/, '');
  } catch {
    return 'closed'; // Since the directory was read.
  }
}
