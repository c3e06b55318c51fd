import { isRetryable } from '../outcome/service-error.js';
import { LinkedAbort } from '../util/linked-abort.js';
import { retry } from '../util/retry.js';
import { DockerError } from './engine.js';

export interface EngineWait {
  /** Throws a DockerError when the engine does not answer for this long. */
  readonly limitMs: number;
  /** Called when the first call has failed. */
  readonly onWait?: (error: unknown) => void;
}

const RETRIES = { attempts: Infinity, firstDelayMs: 100, maxDelayMs: 1000, randomization: 0.25 };

/** Repeats `call` while the engine is away, as during a restart. Other errors are final. Rejects with the signal's reason. */
export async function untilEngineAnswers<T>(
  { limitMs, onWait }: EngineWait,
  signal: AbortSignal,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = new LinkedAbort(signal);
  limit.abortAfter(limitMs, () => new DockerError(`Docker did not answer within ${limitMs / 1000} s`));
  const onRetry = (error: unknown, attempt: number): void => {
    if (attempt === 1) onWait?.(error);
  };
  try {
    return await retry(RETRIES, { isRetryable, onRetry }, () => call(limit.signal), limit.signal);
  } finally {
    limit.dispose();
  }
}
