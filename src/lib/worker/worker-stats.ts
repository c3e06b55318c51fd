import type { ClaimOutcome, Lack, MetricsRecorder } from '../log/metrics-recorder.js';
import { errorMessage } from '../util/error-message.js';
import { isErrorOf } from '../outcome/service-error.js';

export interface WorkerStatsOptions {
  readonly capacity: number;
  readonly metrics?: Pick<MetricsRecorder, 'claimEnded'> | undefined;
  /** A monotonic clock, in milliseconds. */
  readonly nowMs?: () => number;
}

/** The worker's slots and the outcomes of its claims. Written by the task listener, read by monitoring. */
export class WorkerStats {
  readonly capacity: number;
  readonly #metrics: Pick<MetricsRecorder, 'claimEnded'> | undefined;
  readonly #nowMs: () => number;
  readonly #startedAt: number;
  #running = 0;
  #busyMs = 0;
  #changedAt: number;
  #claimBeganAt: number;
  #lastClaimWork: Date | undefined;
  #failures = 0;
  #lastFailure: string | undefined;
  #silentSince: number | undefined;
  #lack: Lack | undefined;
  #lastAnswer: Date | undefined;

  constructor({ capacity, metrics, nowMs = () => performance.now() }: WorkerStatsOptions) {
    this.capacity = capacity;
    this.#metrics = metrics;
    this.#nowMs = nowMs;
    this.#startedAt = this.#changedAt = this.#claimBeganAt = nowMs();
    if (capacity > 0) this.#silentSince = this.#startedAt;
  }

  /** Runs that hold a slot. */
  get running(): number {
    return this.#running;
  }

  get uptimeSeconds(): number {
    return (this.#nowMs() - this.#startedAt) / 1000;
  }

  /** The seconds that slots had a run, summed over all slots. */
  get busySlotSeconds(): number {
    return (this.#busyMs + this.#running * (this.#nowMs() - this.#changedAt)) / 1000;
  }

  /** When the queue was last asked for work. */
  get lastClaimWork(): Date | undefined {
    return this.#lastClaimWork;
  }

  /** Attempts to claim that failed since the last one that succeeded. */
  get failures(): number {
    return this.#failures;
  }

  /** The error of the last of those failures. */
  get lastFailure(): string | undefined {
    return this.#lastFailure;
  }

  /**
   * How long no attempt to claim has completed although a slot was free, in milliseconds. An attempt that the queue did
   * not answer has not completed; one that was skipped because docker is down has.
   */
  get silentMs(): number {
    return this.#silentSince === undefined ? 0 : this.#nowMs() - this.#silentSince;
  }

  /** What kept the worker from claiming at its last attempt; undefined: nothing did. */
  get lack(): Lack | undefined {
    return this.#lack;
  }

  /** When the queue last answered, with or without work. */
  get lastAnswer(): Date | undefined {
    return this.#lastAnswer;
  }

  claimBegan(): void {
    this.#lack = undefined;
    this.#claimBeganAt = this.#nowMs();
    this.#lastClaimWork = new Date();
  }

  claimAnswered(runs: number): void {
    this.#lastAnswer = new Date();
    this.#failures = 0;
    this.#lastFailure = undefined;
    this.#ended(runs > 0 ? 'work' : 'nothing', runs);
    this.#heardOf();
  }

  claimFailed(error: unknown): void {
    this.#failed('error', error);
    if (isErrorOf(error, 'taskcluster') && error.status !== undefined) this.#heardOf();
  }

  /** Records that nothing was claimed because the machine can't run anything now. */
  notReady(error: unknown): void {
    this.#claimBeganAt = this.#nowMs();
    this.#failed('not-ready', error);
    this.#heardOf();
  }

  /** Records that nothing was claimed because there is no room for a task. */
  noRoom(lack: Lack): void {
    this.#lack = lack;
    this.#claimBeganAt = this.#nowMs();
    this.#ended(lack, 0);
    this.#heardOf();
  }

  runBegan(): void {
    this.#changeRunning(1);
    if (this.#running >= this.capacity) this.#silentSince = undefined;
  }

  runResolved(): void {
    this.#changeRunning(-1);
    this.#silentSince ??= this.#nowMs();
  }

  #failed(outcome: ClaimOutcome, error: unknown): void {
    this.#failures += 1;
    this.#lastFailure = errorMessage(error);
    this.#ended(outcome, 0);
  }

  #ended(outcome: ClaimOutcome, runs: number): void {
    this.#metrics?.claimEnded(outcome, (this.#nowMs() - this.#claimBeganAt) / 1000, runs);
  }

  #heardOf(): void {
    if (this.#silentSince !== undefined) this.#silentSince = this.#nowMs();
  }

  #changeRunning(by: 1 | -1): void {
    const now = this.#nowMs();
    this.#busyMs += this.#running * (now - this.#changedAt);
    this.#changedAt = now;
    this.#running += by;
  }
}
