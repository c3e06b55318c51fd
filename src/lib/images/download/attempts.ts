import { delay } from '../../util/abortable.js';
import { retryDelayMs } from '../../util/retry.js';
import type { RetryPolicy } from '../../util/retry.js';
import { withoutHostPaths } from '../../util/without-host-paths.js';
import type { ImageProgress } from '../image-provider.js';

/** The attempts that getting one image may take, whichever part of it has to be done again. */
export class Attempts {
  readonly #policy: RetryPolicy;
  readonly #progress: ImageProgress;
  #made = 1;

  constructor(policy: RetryPolicy, progress: ImageProgress) {
    this.#policy = policy;
    this.#progress = progress;
  }

  get made(): number {
    return this.#made;
  }

  /** Waits before the next attempt, and says so with `what` follows; throws `error` when it was the last one. */
  async another(error: Error, what: string, signal: AbortSignal): Promise<void> {
    if (this.#made >= this.#policy.attempts) throw error;
    const delayMs = retryDelayMs(this.#policy, this.#made);
    const seconds = Math.round(delayMs / 1000);
    this.#progress.line(
      `Loading failed (attempt ${this.#made}): ${withoutHostPaths(error.message)}. ${what} in ${seconds} s.`,
    );
    this.#made += 1;
    await delay(delayMs, signal);
  }
}
