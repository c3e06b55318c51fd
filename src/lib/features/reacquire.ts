import { TaskStopped } from '../outcome/errors.js';
import { isRetryable } from '../outcome/service-error.js';
import type { TaskContext } from '../task/task-context.js';
import { errorMessage } from '../util/error-message.js';
import { retry } from '../util/retry.js';

/** A feature of a run that a worker had prepared before it died. */
export interface Resumed {
  readonly task: Pick<TaskContext, 'log'>;
  /** The feature's name. */
  readonly feature: string;
}

/** A restarted engine answers again within the minute that these take. */
const RETRIES = { attempts: 7, firstDelayMs: 1000, maxDelayMs: 30_000, randomization: 0.25 } as const;
/** Errors of the operating system that pass: other runs release what this one lacks, or the old worker is just ending. */
const PASSING: ReadonlySet<unknown> = new Set(['EADDRINUSE', 'EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN']);

/**
 * Reacquires something that a run had when its worker died; `what` names it for the operator. Waits while that fails
 * for a reason that may pass. Throws a TaskStopped if it is gone: another worker can then run the task. In
 * the `prepare` of an adopted run, each step goes through this, so that none is repeated by the run, which would first
 * release, and so destroy, what the others have taken.
 */
export async function reacquire<T>(
  { task, feature }: Resumed,
  what: string,
  take: () => T | Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  const onRetry = (error: unknown, attempt: number): void => {
    task.log.warn('retrying feature', { feature, attempt, error });
  };
  try {
    return await retry(RETRIES, { isRetryable: mayPass, onRetry }, async () => await take(), signal);
  } catch (error) {
    signal.throwIfAborted();
    throw lost({ task, feature }, what, error);
  }
}

/** Logs what an adopted run lacks, and returns the error that ends it. */
export function lost({ task, feature }: Resumed, what: string, reason: unknown): TaskStopped {
  task.log.warn('adopted run cannot continue', { feature, what, reason: errorMessage(reason) });
  return new TaskStopped('worker-shutdown', { cause: reason });
}

function mayPass(error: unknown): boolean {
  return isRetryable(error) || (error instanceof Error && PASSING.has((error as NodeJS.ErrnoException).code));
}
