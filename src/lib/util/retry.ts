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

/** Counts the attempts at one job over all its parts: retrying any part uses up one of them. */
export class Attempts {
  readonly #policy: RetryPolicy;
  #made = 1;

  constructor(policy: RetryPolicy) {
    this.#policy = policy;
  }

  /** The number of attempts, including the current one. */
  get made(): number {
    return this.#made;
  }

  /** Calls `operation` until it succeeds, fails for good, runs out of attempts (throws the last error) or is aborted. */
  async run<T>(hooks: RetryHooks, operation: (attempt: number) => Promise<T>, signal: AbortSignal): Promise<T> {
    for (;;) {
      signal.throwIfAborted();
      try {
        return await operation(this.#made);
      } catch (error) {
        await this.another(error, hooks, signal);
      }
    }
  }

  /** Waits for the backoff before the next attempt; throws `error` if there is none. */
  async another(error: unknown, hooks: RetryHooks, signal: AbortSignal): Promise<void> {
    if (this.#made >= this.#policy.attempts || signal.aborted || !hooks.isRetryable(error)) throw error;
    const delayMs = retryDelayMs(this.#policy, this.#made);
    hooks.onRetry?.(error, this.#made, delayMs);
    this.#made += 1;
    await delay(delayMs, signal);
  }
}

/** Runs a job that has no parts; see `Attempts.run`. */
export async function retry<T>(
  policy: RetryPolicy,
  hooks: RetryHooks,
  operation: (attempt: number) => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  return await new Attempts(policy).run(hooks, operation, signal);
}
