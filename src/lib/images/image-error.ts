import { TaskError } from '../outcome/errors.js';
import { DockerError, isDiskFull } from '../docker/engine.js';
import { QueueError } from '../queue/queue-client.js';
import { withoutHostPaths } from '../util/without-host-paths.js';
import { DownloadError } from './download/download-error.js';

/** What an author is to do about an image that could not be had. */
export interface ImageAdvice {
  readonly whenTransient: string;
  readonly whenFinal: string;
}

const DISK_FULL = 'The disk of the worker is full; this is not a mistake of the task.';

/** Trouble that may be gone tomorrow. */
export function isRetryable(error: unknown): boolean {
  const knowsItself = error instanceof DockerError || error instanceof QueueError || error instanceof DownloadError;
  return knowsItself && error.retryable;
}

/** Trouble that may be gone tomorrow is not the author's mistake: internal-error instead of failed. */
export function imageError(image: string, attempts: number, error: unknown, advice: ImageAdvice): TaskError {
  if (!isRetryable(error)) return authorsImageError(image, attempts, error, advice.whenFinal);
  const words = `${failure(image, attempts, error)} ${isDiskFull(error) ? DISK_FULL : advice.whenTransient}`;
  return TaskError.exception('internal-error', imageFailure(words), error);
}

/** The author's to mend, whether it may be gone tomorrow or not. */
export function authorsImageError(image: string, attempts: number, error: unknown, advice: string): TaskError {
  return TaskError.failed(imageFailure(`${failure(image, attempts, error)} ${advice}`), error);
}

function failure(image: string, attempts: number, error: unknown): string {
  const tries = attempts === 1 ? '1 attempt' : `${attempts} attempts`;
  return `${withoutHostPaths((error as Error).message)} (${image}, ${tries}).`;
}

/** How every failure to get an image begins in the log of the task. */
export function imageFailure(words: string): string {
  return `Pulling docker image has failed.\nError: ${words}`;
}
