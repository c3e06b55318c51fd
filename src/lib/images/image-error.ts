import { TaskError } from '../task/errors.js';
import { DockerError } from '../docker/engine.js';
import { QueueError } from '../queue/queue-client.js';
import { DownloadError } from './download/download-error.js';

/** What an author is to do about an image that could not be had. */
export interface ImageAdvice {
  readonly whenTransient: string;
  readonly whenFinal: string;
}

/** Trouble that may be gone tomorrow. */
export function isTransient(error: unknown): boolean {
  const knowsItself = error instanceof DockerError || error instanceof QueueError || error instanceof DownloadError;
  return knowsItself && error.isTransient;
}

/** Trouble that may be gone tomorrow is not the author's mistake: internal-error instead of failed. */
export function imageError(image: string, attempts: number, error: unknown, advice: ImageAdvice): TaskError {
  const tries = attempts === 1 ? '1 attempt' : `${attempts} attempts`;
  const words = `${(error as Error).message} (${image}, ${tries}).`;
  return isTransient(error)
    ? TaskError.exception('internal-error', imageFailure(`${words} ${advice.whenTransient}`), error)
    : TaskError.failed(imageFailure(`${words} ${advice.whenFinal}`), error);
}

/** How every failure to get an image begins in the log of the task. */
export function imageFailure(words: string): string {
  return `Pulling docker image has failed.\nError: ${words}`;
}
