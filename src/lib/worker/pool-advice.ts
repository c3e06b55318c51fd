import type { TerminationAdvice } from '../host/worker-manager.js';
import type { Logger } from '../log/logger.js';
import { withTimeout } from '../util/abortable.js';
import { errorMessage } from '../util/error-message.js';

export interface PoolAdviceOptions {
  /** Asks worker-manager, once. */
  readonly ask: (signal: AbortSignal) => Promise<TerminationAdvice>;
  readonly log: Logger;
  /** A monotonic clock, in milliseconds. */
  readonly nowMs?: () => number;
}

/** One round of worker-manager's own decisions takes longer than this. */
const INTERVAL_MS = 60_000;
/** Claims wait for the answer. */
const PATIENCE_MS = 5000;
/** worker-manager's reason for workers that it has not decided about, such as those of static pools. */
const UNDECIDED = 'none';

/** Asks worker-manager whether this worker's pool has more workers than it needs. Never fails. */
export class PoolAdvice {
  readonly #ask: PoolAdviceOptions['ask'];
  readonly #log: Logger;
  readonly #nowMs: () => number;
  #askedAt = -Infinity;
  #isAnswered = true;

  constructor({ ask, log, nowMs = () => performance.now() }: PoolAdviceOptions) {
    this.#ask = ask;
    this.#log = log;
    this.#nowMs = nowMs;
  }

  /** Returns why this worker has to stop; undefined: go on. Called before each claim; asks at most once a minute. */
  async reasonToEnd(signal: AbortSignal): Promise<string | undefined> {
    if (this.#nowMs() - this.#askedAt < INTERVAL_MS) return undefined;
    const advice = await this.#advice(signal);
    return advice?.terminate === true ? advice.reason : undefined;
  }

  /** Tells whether worker-manager wants to keep this worker although it is idle. */
  async isKept(signal: AbortSignal): Promise<boolean> {
    const advice = await this.#advice(signal);
    return advice !== undefined && !advice.terminate && advice.reason !== UNDECIDED;
  }

  async #advice(signal: AbortSignal): Promise<TerminationAdvice | undefined> {
    this.#askedAt = this.#nowMs();
    try {
      const advice = await withTimeout('workerManager.shouldWorkerTerminate', PATIENCE_MS, this.#ask, signal);
      this.#log.debug('asked worker-manager', { ...advice });
      this.#isAnswered = true;
      return advice;
    } catch (error) {
      if (signal.aborted) return undefined;
      // Warns only about the first failure: a missing service or scope does not change from one question to the next.
      this.#log[this.#isAnswered ? 'warn' : 'debug']('worker-manager not asked', { error: errorMessage(error) });
      this.#isAnswered = false;
      return undefined;
    }
  }
}
