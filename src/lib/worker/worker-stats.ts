import type { ClaimOutcome, Lack, MetricsRecorder } from '../log/metrics-recorder.js';
import { errorMessage } from '../util/error-message.js';
import { isErrorOf } from '../outcome/service-error.js';

export interface WorkerStatsOptions {
  readonly capacity: number;
  readonly metrics?: Pick<MetricsRecorder, 'claimEnded'> | undefined;
  /** Milliseconds from any beginning; they never go back. */
  readonly nowMs?: () => number;
}

/** What the worker is doing: its slots, and what became of its claims. Written by the task listener, read by whoever watches. */
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

  /** One second for each second of each slot that had a run. */
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

  /** What went wrong with the last of those. */
  get lastFailure(): string | undefined {
    return this.#lastFailure;
  }

  /**
   * How long no attempt to claim has come to an end although a slot was free. One to which the queue gave no answer has
   * none; one that could not be made, as docker is gone, does not count.
   */
  get silentMs(): number {
    return this.#silentSince === undefined ? 0 : this.#nowMs() - this.#silentSince;
  }

  /** What kept the worker from claiming the last time that it could have; undefined: nothing did. */
  get lack(): Lack | undefined {
    return this.#lack;
  }

  /** When the queue last answered, be it without work. */
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

  /** Nothing was claimed, as the machine can run nothing now. */
  notReady(error: unknown): void {
    this.#claimBeganAt = this.#nowMs();
    this.#failed('not-ready', error);
    this.#heardOf();
  }

  /** Nothing was claimed, as no task would have room. */
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
