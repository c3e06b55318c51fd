import type { TerminationAdvice } from '../host/worker-manager.js';
import type { Logger } from '../log/logger.js';
import { withTimeout } from '../util/abortable.js';
import { errorMessage } from '../util/error-message.js';

export interface PoolAdviceOptions {
  /** Asks worker-manager, once. */
  readonly ask: (signal: AbortSignal) => Promise<TerminationAdvice>;
  readonly log: Logger;
  /** Milliseconds from any beginning; they never go back. */
  readonly nowMs?: () => number;
}

/** worker-manager decides in a loop that takes longer than this. */
const INTERVAL_MS = 60_000;
/** Claims wait for the answer. */
const PATIENCE_MS = 5000;
/** What worker-manager answers about workers that nobody has decided about, those of static pools for example. */
const UNDECIDED = 'none';

/** What worker-manager thinks of this worker: whether its pool has more workers than it needs. Never fails. */
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

  /** Why this worker has to end; undefined: go on. To be called before each claim: asks once a minute at most. */
  async reasonToEnd(signal: AbortSignal): Promise<string | undefined> {
    if (this.#nowMs() - this.#askedAt < INTERVAL_MS) return undefined;
    const advice = await this.#advice(signal);
    return advice?.terminate === true ? advice.reason : undefined;
  }

  /** Whether worker-manager wants to keep this worker although it has nothing to do. */
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
      // Not for each question: a deployment that has no such service, or a missing scope, stays as it is.
      this.#log[this.#isAnswered ? 'warn' : 'debug']('worker-manager not asked', { error: errorMessage(error) });
      this.#isAnswered = false;
      return undefined;
    }
  }
}
