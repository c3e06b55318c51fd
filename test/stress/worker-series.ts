import { setTimeout as sleep } from 'node:timers/promises';
import { Looks } from './looks.js';
import type { Held, WorkerEvent, WorkerProcess } from './worker-process.js';

/** Starts a worker; resolves once it claims. */
export type StartWorker = (onEvent: (event: WorkerEvent) => void) => Promise<WorkerProcess>;

/** One worker, or one after another over the same state: each is killed after some seconds, and the next one started. */
export class WorkerSeries {
  readonly events: WorkerEvent[] = [];
  readonly #start: StartWorker;
  readonly #looks = new Looks();
  readonly #stopping = new AbortController();
  readonly #complaints: string[] = [];
  #worker: WorkerProcess;
  #kills = 0;
  #killing: Promise<void>;

  private constructor(start: StartWorker, worker: WorkerProcess) {
    this.#start = start;
    this.#worker = worker;
    this.#killing = Promise.resolve();
  }

  /** `killEveryMs`: undefined for a worker that is left alone. */
  static async start(start: StartWorker, killEveryMs: number | undefined): Promise<WorkerSeries> {
    const early: WorkerEvent[] = [];
    const listener = { take: (event: WorkerEvent): void => void early.push(event) };
    const onEvent = (event: WorkerEvent): void => {
      listener.take(event);
    };
    const series = new WorkerSeries(start, await start(onEvent));
    for (const event of early) series.#read(event);
    listener.take = (event) => {
      series.#read(event);
    };
    if (killEveryMs !== undefined) {
      series.#killing = series.#killAgainAndAgain(killEveryMs);
      // Whoever waits for the series is told.
      series.#killing.catch(() => undefined);
    }
    return series;
  }

  /** How often a worker was killed. */
  get kills(): number {
    return this.#kills;
  }

  /** What the workers wrote to the standard error: nothing, when all is well. */
  get complaints(): string {
    return [...this.#complaints, this.#worker.complaints].join('');
  }

  /** Resolves once `isTrue`, which is asked with each line of the log; fails when a worker ends by itself before. */
  async until(isTrue: () => boolean): Promise<void> {
    await this.#looks.until(isTrue, (happened) => this.whileItRuns(happened));
  }

  /** What `work` comes to; fails when a worker ends by itself before. */
  async whileItRuns<T>(work: Promise<T>): Promise<T> {
    const failed = this.#killing.then(async () => this.#worker.whileItRuns(new Promise<never>(() => undefined)));
    return await Promise.race([work, failed]);
  }

  /** Lets the worker that runs now go on, and kills no other. */
  async settle(): Promise<void> {
    this.#stopping.abort();
    await this.#killing;
  }

  async held(): Promise<Held> {
    return await this.#worker.held();
  }

  async stop(): Promise<number | null> {
    await this.settle();
    return await this.#worker.stop();
  }

  async kill(): Promise<void> {
    this.#stopping.abort();
    await this.#killing.catch(() => undefined);
    await this.#worker.kill();
  }

  async #killAgainAndAgain(everyMs: number): Promise<void> {
    while (await this.#ranFor(everyMs)) {
      await this.#worker.kill();
      this.#kills += 1;
      this.#complaints.push(this.#worker.complaints);
      this.#worker = await this.#start((event) => {
        this.#read(event);
      });
    }
  }

  /** Resolves with false when the series settles before; fails when the worker ends by itself. */
  async #ranFor(ms: number): Promise<boolean> {
    const passed = sleep(ms, true, { signal: this.#stopping.signal }).catch(() => false);
    return await this.#worker.whileItRuns(passed);
  }

  #read(event: WorkerEvent): void {
    this.events.push(event);
    this.#looks.all();
  }
}
