import { withTimeout } from '../util/abortable.js';
import { dockerErrorOf } from './docker-error.js';

/**
 * One engine call with its own time limit: fails with a DockerError that says `what` was asked, or with the reason of
 * `signal` when that aborts first.
 */
export async function dockerCall<T>(
  what: string,
  timeoutMs: number,
  operation: (abortSignal: AbortSignal) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  try {
    return await withTimeout(what, timeoutMs, operation, signal);
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    throw dockerErrorOf(what, error);
  }
}
