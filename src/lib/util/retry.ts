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

/** The attempts at one job, in whichever of its parts they are made: a part that is done again uses up one of all. */
export class Attempts {
  readonly #policy: RetryPolicy;
  #made = 1;

  constructor(policy: RetryPolicy) {
    this.#policy = policy;
  }

  /** With the one under way. */
  get made(): number {
    return this.#made;
  }

  /** Calls `operation` until it succeeds, fails for good, runs out of attempts (last error thrown) or the signal aborts. */
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

  /** Waits until it is time for the next attempt after one that failed; throws `error` when there is to be none. */
  async another(error: unknown, hooks: RetryHooks, signal: AbortSignal): Promise<void> {
    if (this.#made >= this.#policy.attempts || signal.aborted || !hooks.isRetryable(error)) throw error;
    const delayMs = retryDelayMs(this.#policy, this.#made);
    hooks.onRetry?.(error, this.#made, delayMs);
    this.#made += 1;
    await delay(delayMs, signal);
  }
}

/** `Attempts.run` of a job without parts. */
export async function retry<T>(
  policy: RetryPolicy,
  hooks: RetryHooks,
  operation: (attempt: number) => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  return await new Attempts(policy).run(hooks, operation, signal);
}
