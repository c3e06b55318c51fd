import type { ExceptionReason } from './resolution.js';
import type { Resolution } from './resolution.js';

/** An error that the task's author can act on. `message` goes to the task log unchanged, so it says what to change. */
export class TaskError extends Error {
  override readonly name = 'TaskError';
  readonly resolution: Resolution;

  constructor(resolution: Resolution, message: string, options?: ErrorOptions) {
    super(message, options);
    this.resolution = resolution;
  }

  static failed(message: string, cause?: unknown): TaskError {
    return new TaskError({ kind: 'failed' }, message, { cause });
  }

  static exception(reason: ExceptionReason, message: string, cause?: unknown): TaskError {
    return new TaskError({ kind: 'exception', reason }, message, { cause });
  }

  static malformed(message: string, cause?: unknown): TaskError {
    return TaskError.exception('malformed-payload', message, cause);
  }
}

/** Why a run was stopped from outside. maxRunTime is not a stop but an outcome of the running phase. */
export type StopReason = 'canceled' | 'worker-shutdown' | 'reclaim-failed';

/** The run was stopped from outside. The reason of every task signal is a TaskStopped. */
export class TaskStopped extends Error {
  override readonly name = 'TaskStopped';
  readonly reason: StopReason;
  readonly #atMs = performance.now();

  constructor(reason: StopReason, options?: ErrorOptions) {
    super(`the run was stopped: ${reason}`, options);
    this.reason = reason;
  }

  /** Returns what is left of a period of `ms` that began with the stop. */
  leftOf(ms: number): number {
    return Math.max(0, ms - (performance.now() - this.#atMs));
  }
}

/** Returns the TaskStopped that aborted the signal, if any. Any other reason counts as a shutdown. */
export function stopOf(signal: AbortSignal): TaskStopped | undefined {
  if (!signal.aborted) return undefined;
  return signal.reason instanceof TaskStopped
    ? signal.reason
    : new TaskStopped('worker-shutdown', { cause: signal.reason });
}
