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
  /** Throws when the machine can't run anything now (the engine does not answer); then nothing is claimed. */
  readonly checkReady: (signal: AbortSignal) => Promise<void>;
  /** Returns how many of `tasks` the machine has room for now, or what it lacks for even one; then retried later. */
  readonly roomFor: (tasks: number, signal: AbortSignal) => Promise<number | Lack>;
  /** Set when `roomFor` may return more than before, so that the listener need not wait for the next poll. */
  readonly roomFreed: AutoResetEvent;
  /** Returns false when this worker is about to stop and must claim nothing. Called before each claim. Never fails. */
  readonly mayClaim?: (signal: AbortSignal) => Promise<boolean>;
  /** Limits the tasks that this worker claims over all its starts; absent: no limit. */
  readonly quota?: Pick<TaskQuota, 'left'> | undefined;
  /** Called first with each answer that has claims. Never fails. */
  readonly onClaimed?: (claims: readonly Claim[]) => void;
  /** Starts the run of a claim. */
  readonly run: (claim: Claim) => RunHandle;
  /** The most runs at once; 0 claims nothing. */
  readonly capacity: number;
  /** The pause between two polls that found nothing. */
  readonly pollIntervalMs: number;
  readonly log: Logger;
  readonly metrics?: Pick<MetricsRecorder, 'claimEnded'>;
  /** Called when a run begins while no other runs, and when the last one is resolved. */
  readonly onBusy?: (isBusy: boolean) => void;
  /** Called for each run that is resolved, before `onBusy`. */
  readonly onResolved?: () => void;
}

/** The most tasks that the queue accepts in one claimWork. */
const MAX_CLAIMS = 32;
const CLAIM_RETRIES = { attempts: Infinity, firstDelayMs: 1000, maxDelayMs: 60_000, randomization: 0.25 };

/** Keeps the worker's slots filled: one claimWork at a time, and immediately when a slot is freed. */
export class TaskListener {
  readonly #options: TaskListenerOptions;
  readonly #unfinished = new Set<Promise<void>>();
  /** Read by monitoring. */
  readonly stats: WorkerStats;

  constructor(options: TaskListenerOptions) {
    this.#options = options;
    this.stats = new WorkerStats(options);
  }

  /** Runs that hold a slot. */
  get running(): number {
    return this.stats.running;
  }

  /** Claims and starts runs until the signal aborts; never fails. Runs under way continue: see `finished`. */
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

  /** Resolves when every run is finished and has left nothing on the machine. */
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
    // Even if the signal has aborted by now: otherwise these tasks would be stuck until their claims expire.
    for (const claim of claims) this.start(() => this.#options.run(claim));
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
      // Comes first: until the claims are recorded, a crash leaves them to expire.
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

  /** Returns the message without a stack: that does not help when a service is down, and the line repeats. */
  #failure(error: unknown): { readonly error: string; readonly failures: number } {
    return { error: errorMessage(error), failures: this.stats.failures };
  }

  /** Starts a run, which holds a slot until it is resolved. */
  start(run: () => RunHandle): RunHandle {
    const { onBusy, onResolved, roomFreed } = this.#options;
    this.stats.runBegan();
    if (this.running === 1) onBusy?.(true);
    const handle = run();
    const { resolved, finished } = handle;
    const tracked = finished.finally(() => this.#unfinished.delete(tracked));
    this.#unfinished.add(tracked);
    void resolved.then(() => {
      this.stats.runResolved();
      onResolved?.();
      if (this.running === 0) onBusy?.(false);
      roomFreed.call();
    });
    return handle;
  }
}
