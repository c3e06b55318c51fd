import { isDiskFull } from '../docker/engine.js';
import { TaskError } from '../outcome/errors.js';
import { isRetryable } from '../outcome/service-error.js';
import type { RetryHooks } from '../util/retry.js';
import { withoutHostPaths } from '../util/without-host-paths.js';
import type { ImageProgress } from './image-provider.js';

/** What an author should do about an image that could not be fetched. */
export interface ImageAdvice {
  readonly whenTransient: string;
  readonly whenFinal: string;
}

const DISK_FULL = "The worker's disk is full; this is not a mistake of the task.";

/** Returns the error of an image. A retryable cause is not the author's mistake: internal-error instead of failed. */
export function imageError(image: string, attempts: number, error: unknown, advice: ImageAdvice): TaskError {
  if (!isRetryable(error)) return authorImageError(image, attempts, error, advice.whenFinal);
  const text = `${failure(image, attempts, error)} ${isDiskFull(error) ? DISK_FULL : advice.whenTransient}`;
  return TaskError.exception('internal-error', imageFailure(text), error);
}

/** Returns an error that the author must fix, even if it is retryable. */
export function authorImageError(image: string, attempts: number, error: unknown, advice: string): TaskError {
  return TaskError.failed(imageFailure(`${failure(image, attempts, error)} ${advice}`), error);
}

function failure(image: string, attempts: number, error: unknown): string {
  const tries = attempts === 1 ? '1 attempt' : `${attempts} attempts`;
  return `${withoutHostPaths((error as Error).message)} (${image}, ${tries}).`;
}

/** Returns the text of a failure to fetch an image, which always begins with this line. */
export function imageFailure(text: string): string {
  return `Pulling docker image has failed.\nError: ${text}`;
}

/** Reports in the log of each task that waits for the image what failed, and what `follows`. */
export function reportRetries(
  progress: ImageProgress,
  failed: string,
  follows: string,
): NonNullable<RetryHooks['onRetry']> {
  return (error, attempt, delayMs) => {
    const message = withoutHostPaths((error as Error).message);
    progress.line(`${failed} (attempt ${attempt}): ${message}. ${follows} in ${Math.round(delayMs / 1000)} s.`);
  };
}
