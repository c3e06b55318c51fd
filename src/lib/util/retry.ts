import { delay } from './abortable.js';

export interface RetryPolicy {
  /** Total attempts, at least 1; with Infinity only the signal ends them. */
  readonly attempts: number;
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
  /** Each delay is multiplied by a random factor within 1 ± this, but never exceeds maxDelayMs. */
  readonly randomization: number;
}

export interface RetryHooks {
  /** Returns false for final errors. */
  readonly isRetryable: (error: unknown) => boolean;
  readonly onRetry?: (error: unknown, attempt: number, delayMs: number) => void;
}

/** Returns the backoff after attempt number `attempt` (from 1): doubling, bounded, with jitter. */
export function retryDelayMs(policy: RetryPolicy, attempt: number): number {
  const exponential = Math.min(policy.firstDelayMs * 2 ** (attempt - 1), policy.maxDelayMs);
  return Math.min(exponential * (1 + policy.randomization * (2 * Math.random() - 1)), policy.maxDelayMs);
}

/** Calls `operation` until it succeeds, fails for good, runs out of attempts (throws the last error) or is aborted. */
export async function retry<T>(
  policy: RetryPolicy,
  hooks: RetryHooks,
  operation: (attempt: number) => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    signal.throwIfAborted();
    try {
      return await operation(attempt);
    } catch (error) {
      if (attempt >= policy.attempts || signal.aborted || !hooks.isRetryable(error)) throw error;
      const delayMs = retryDelayMs(policy, attempt);
      hooks.onRetry?.(error, attempt, delayMs);
      await delay(delayMs, signal);
    }
  }
}
