import type { Logger } from '../log/logger.js';
import type { Lack, MetricsRecorder } from '../log/metrics-recorder.js';
import type { Claim, QueueClient } from '../queue/queue-client.js';
import type { RunHandle } from '../task/run.js';
import { errorMessage } from '../util/error-message.js';
import { retryDelayMs } from '../util/retry.js';
import type { AutoResetEvent } from '../util/auto-reset-event.js';
import { WorkerStats } from './worker-stats.js';
import type { TaskQuota } from './task-quota.js';

export interface TaskListenerOptions {
  readonly queue: Pick<QueueClient, 'claimWork'>;
  /** Fails when the machine can't run anything now (the engine does not answer): nothing is claimed then. */
  readonly checkReady: (signal: AbortSignal) => Promise<void>;
  /** How many of so many tasks the machine has room for now, or what it lacks for a single one: ask again later. */
  readonly roomFor: (tasks: number, signal: AbortSignal) => Promise<number | Lack>;
  /** To be called when `roomFor` may have more to give than before: there is no waiting for the next poll then. */
  readonly roomFreed: AutoResetEvent;
  /** False: nothing is to be claimed now, as this worker is about to end. Asked before each claim. Never fails. */
  readonly mayClaim?: (signal: AbortSignal) => Promise<boolean>;
  /** Bounds the tasks that this worker claims over all its starts; absent: no limit. */
  readonly quota?: Pick<TaskQuota, 'left'> | undefined;
  /** Called with each answer before anything else is done about it. Never fails. */
  readonly onClaimed?: (claims: readonly Claim[]) => void;
  /** Hands a claim to whoever runs it. */
  readonly run: (claim: Claim) => RunHandle;
  /** Runs at once; 0 claims nothing. */
  readonly capacity: number;
  /** The rest between two polls that found nothing. */
  readonly pollIntervalMs: number;
  readonly log: Logger;
  readonly metrics?: Pick<MetricsRecorder, 'claimEnded'>;
  /** Called when the first run begins after none, and when the last one is resolved. */
  readonly onBusy?: (isBusy: boolean) => void;
  /** Called for each run that is resolved, before `onBusy`. */
  readonly onResolved?: () => void;
}

/** The queue takes no more than this in one claimWork. */
const MAX_CLAIMS = 32;
const CLAIM_RETRIES = { attempts: Infinity, firstDelayMs: 1000, maxDelayMs: 60_000, randomization: 0.25 };

/** Keeps the worker's slots filled: one claimWork at a time, at once when a slot frees. */
export class TaskListener {
  readonly #options: TaskListenerOptions;
  readonly #unfinished = new Set<Promise<void>>();
  /** For whoever watches the worker. */
  readonly stats: WorkerStats;

  constructor(options: TaskListenerOptions) {
    this.#options = options;
    this.stats = new WorkerStats(options);
  }

  /** Runs that hold a slot. */
  get running(): number {
    return this.stats.running;
  }

  /** Claims and starts runs until the signal aborts; never fails. Runs under way go on: see `finished`. */
  async listen(signal: AbortSignal): Promise<void> {
    const isStopped = (): boolean => signal.aborted;
    while (!isStopped()) {
      try {
        await this.#poll(signal);
      } catch (error) {
        if (!isStopped()) throw error;
      }
    }
  }

  /** Resolves when nothing of any run is left on the machine. */
  async finished(): Promise<void> {
    while (this.#unfinished.size > 0) await Promise.all(this.#unfinished);
  }

  async #poll(signal: AbortSignal): Promise<void> {
    const { capacity, quota } = this.#options;
    const free = Math.min(capacity - this.running, quota?.left(this.running) ?? Infinity);
    if (free <= 0) {
      await this.#options.roomFreed.wait(signal);
      return;
    }
    const claims = await this.#claim(Math.min(free, MAX_CLAIMS), signal);
    // Even when the signal has aborted by now: what was handed out would otherwise be lost until its claim expires.
    for (const claim of claims) this.#start(claim);
    if (claims.length > 0) return;
    const { pollIntervalMs } = this.#options;
    const { failures } = this.stats;
    const waitMs = failures === 0 ? pollIntervalMs : retryDelayMs(CLAIM_RETRIES, failures);
    await this.#options.roomFreed.wait(signal, waitMs);
  }

  async #claim(free: number, signal: AbortSignal): Promise<readonly Claim[]> {
    const { queue, log, checkReady, roomFor, mayClaim } = this.#options;
    try {
      await checkReady(signal);
    } catch (error) {
      if (signal.aborted) return [];
      this.stats.notReady(error);
      log.error('error reaching docker', this.#failure(error));
      return [];
    }
    const tasks = await roomFor(free, signal);
    if (typeof tasks !== 'number') {
      this.stats.noRoom(tasks);
      return [];
    }
    if (mayClaim && !(await mayClaim(signal))) return [];
    try {
      log.debug('next claim', { tasks });
      this.stats.claimBegan();
      const claims = await queue.claimWork(tasks, signal);
      // First of all: until they are written down, a crash leaves them to run out.
      if (claims.length > 0) this.#options.onClaimed?.(claims);
      this.stats.claimAnswered(claims.length);
      return claims;
    } catch (error) {
      if (signal.aborted) return [];
      this.stats.claimFailed(error);
      log.error('error claiming work', this.#failure(error));
      return [];
    }
  }

  /** In words: where in the code a service was found down is of no use to anybody, and the line comes again and again. */
  #failure(error: unknown): { readonly error: string; readonly failures: number } {
    return { error: errorMessage(error), failures: this.stats.failures };
  }

  #start(claim: Claim): void {
    const { run, onBusy, onResolved, roomFreed } = this.#options;
    this.stats.runBegan();
    if (this.running === 1) onBusy?.(true);
    const { resolved, finished } = run(claim);
    const tracked = finished.finally(() => this.#unfinished.delete(tracked));
    this.#unfinished.add(tracked);
    void resolved.then(() => {
      this.stats.runResolved();
      onResolved?.();
      if (this.running === 0) onBusy?.(false);
      roomFreed.call();
    });
  }
}
