import type { CredentialHolder } from '../queue/credential-holder.js';
import type { RunQueue } from '../queue/queue-client.js';
import type { Logger } from '../log/logger.js';
import { delay } from '../util/abortable.js';
import { LinkedAbort } from '../util/linked-abort.js';
import { retry } from '../util/retry.js';
import { TaskStopped } from '../outcome/errors.js';
import { isErrorOf } from '../outcome/service-error.js';
import type { ServiceError } from '../outcome/service-error.js';

export interface ReclaimerOptions {
  readonly queue: RunQueue;
  readonly credentials: CredentialHolder;
  readonly takenUntil: Date;
  /** Reclaims after 1/reclaimDivisor of the time left until takenUntil. */
  readonly reclaimDivisor: number;
  /** Whether to reclaim at once for the first time: the claim of a previous worker may be over soon. */
  readonly reclaimsAtOnce?: boolean;
  readonly cancelPollIntervalMs: number;
  readonly log: Logger;
  readonly now: () => Date;
  /** Called once, when this worker no longer holds the run. */
  readonly onLost: (stop: TaskStopped) => void;
  /** Called for each poll that the queue refuses for lack of scopes. */
  readonly onPollRefused: (error: ServiceError) => void;
  /** Called with every new takenUntil. */
  readonly onReclaimed: (takenUntil: Date) => void;
}

const RECLAIM_RETRIES = { attempts: Infinity, firstDelayMs: 1000, maxDelayMs: 30_000, randomization: 0.25 };
// Even a claim that is nearly over must not be reclaimed in a tight loop.
const SHORTEST_WAIT_MS = 100;

/**
 * Holds a claim until stopped: reclaims it in time (new credentials replace the old ones) and polls whether the run is
 * still ours, so that a cancel is noticed long before the next reclaim.
 */
export class Reclaimer {
  readonly #options: ReclaimerOptions;
  readonly #stopped = new LinkedAbort();
  #takenUntil: Date;
  #markHeld = (): void => undefined;
  /** Resolves once it is certain that the run is ours; never, if it is not. */
  readonly held: Promise<void>;

  constructor(options: ReclaimerOptions) {
    this.#options = options;
    this.#takenUntil = options.takenUntil;
    this.held = new Promise((resolve) => {
      this.#markHeld = resolve;
    });
    if (options.reclaimsAtOnce !== true) this.#markHeld();
  }

  get takenUntil(): Date {
    return this.#takenUntil;
  }

  start(): void {
    void this.#whileHeld(this.#reclaimInTime());
    void this.#whileHeld(this.#askForCancel());
  }

  /** Harmless when called again. */
  stop(): void {
    this.#stopped.abort(new Error('the claim is no longer held'));
  }

  /** Ends when it is stopped, or with a TaskStopped that says why the run is lost. */
  async #whileHeld(loop: Promise<never>): Promise<void> {
    try {
      await loop;
    } catch (error) {
      if (this.#stopped.signal.aborted) return;
      this.stop();
      this.#options.onLost(error instanceof TaskStopped ? error : new TaskStopped('reclaim-failed', { cause: error }));
    }
  }

  async #reclaimInTime(): Promise<never> {
    const { now, reclaimDivisor, reclaimsAtOnce } = this.#options;
    if (reclaimsAtOnce) await this.#reclaim();
    for (;;) {
      const leftMs = this.#takenUntil.getTime() - now().getTime();
      await delay(Math.max(leftMs / reclaimDivisor, SHORTEST_WAIT_MS), this.#stopped.signal);
      await this.#reclaim();
    }
  }

  async #reclaim(): Promise<void> {
    const { queue, log, now, credentials, onReclaimed } = this.#options;
    const inTime = new LinkedAbort(this.#stopped.signal);
    // Makes at least one attempt, even when the machine slept past takenUntil: the queue may not have noticed either.
    inTime.abortAfter(Math.max(this.#takenUntil.getTime() - now().getTime(), 10_000), () => {
      return new TaskStopped('reclaim-failed');
    });
    const onRetry = (error: unknown, attempt: number, delayMs: number): void => {
      log.warn('error reclaiming task', { error, attempt, retryInMs: Math.round(delayMs) });
    };
    const isRetryable = (error: unknown): boolean => !isErrorOf(error, 'taskcluster', 409);
    try {
      const answer = await retry(
        RECLAIM_RETRIES,
        { isRetryable, onRetry },
        () => queue.reclaim(inTime.signal),
        inTime.signal,
      );
      this.#takenUntil = answer.takenUntil;
      credentials.renew(answer.credentials);
      log.info('Credentials updated', { clientId: answer.credentials.clientId });
      this.#markHeld();
      onReclaimed(answer.takenUntil);
      log.info('reclaimed task', { takenUntil: answer.takenUntil.toISOString() });
    } catch (error) {
      if (isErrorOf(error, 'taskcluster', 409)) throw new TaskStopped('canceled', { cause: error });
      throw error;
    } finally {
      inTime.dispose();
    }
  }

  async #askForCancel(): Promise<never> {
    const { queue, log, cancelPollIntervalMs, onPollRefused } = this.#options;
    for (;;) {
      await delay(cancelPollIntervalMs, this.#stopped.signal);
      try {
        if (await queue.isResolved(this.#stopped.signal)) throw new TaskStopped('canceled');
      } catch (error) {
        if (!isErrorOf(error, 'taskcluster')) throw error;
        // Polling only detects a cancel sooner: the next reclaim will detect it too.
        if (error.status === 403) onPollRefused(error);
        else log.warn('error polling task status', { error });
      }
    }
  }
}
