import { LinkedAbort } from '../../util/linked-abort.js';
import { TaskError, stopOf } from '../../outcome/errors.js';

/**
 * A machine that is reclaimed has about two minutes. Counted from the stop, this is the time for artifacts, and for all
 * of a run's uploads, with its log last; the rest is for cleanup.
 */
const SHUTDOWN_COLLECT_MS = 80_000;
export const SHUTDOWN_UPLOAD_MS = 95_000;
/** The time kept for the log and the resolution: at most this much, and half of a short remainder. */
const LOG_AND_REPORT_MS = 60_000;

/** The time that a run's features share to publish what its command made. */
export interface CollectLimit {
  /** Milliseconds that this worker allows. */
  readonly grantedMs: number;
  /** When the queue gives up on the task, in this machine's clock. */
  readonly taskDeadline: Date;
  readonly now: () => Date;
}

/** Reason of the signal once time is up. It is not a stop: this worker resolves the run. */
class CollectTimeout extends Error {}

/**
 * The time for collecting, from the end of the command. Follows the run's signal, but a shutdown leaves a last deadline
 * to upload what there is. Must be disposed.
 */
export class CollectDeadline {
  readonly #abort = new LinkedAbort();
  readonly #run: AbortSignal;
  readonly #limitMs: number;
  readonly #follow = (): void => {
    const stop = stopOf(this.#run);
    if (stop?.reason === 'worker-shutdown') this.#abort.abortAfter(stop.leftOf(SHUTDOWN_COLLECT_MS), () => stop);
    else if (stop) this.#abort.abort(stop);
  };

  constructor(run: AbortSignal, { grantedMs, taskDeadline, now }: CollectLimit) {
    this.#run = run;
    const leftMs = taskDeadline.getTime() - now().getTime();
    // A task whose deadline has passed in this clock is still running in the queue's, which ends it itself.
    this.#limitMs = leftMs > 0 ? Math.min(grantedMs, leftMs - Math.min(LOG_AND_REPORT_MS, leftMs / 2)) : grantedMs;
    this.#abort.abortAfter(this.#limitMs, () => new CollectTimeout('the time to upload artifacts is over'));
    run.addEventListener('abort', this.#follow, { once: true });
    if (run.aborted) this.#follow();
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /**
   * Returns undefined while time is left, then the resulting failure: the author's, for publishing too much, or the
   * worker's if uploads waited for `waitedFor`, the last error of a service.
   */
  timeout(waitedFor: string | undefined): TaskError | undefined {
    if (!(this.#abort.signal.reason instanceof CollectTimeout)) return undefined;
    const what = `Artifacts were not all uploaded in the ${inWords(this.#limitMs)} allowed after the command`;
    if (waitedFor !== undefined) {
      return TaskError.exception('internal-error', `${what}: uploads were still waiting, because ${waitedFor}`);
    }
    return TaskError.failed(
      `${what}. Publish less, or ask the operator of this worker for more time (artifacts.maxUploadSeconds); the task's deadline bounds it too.`,
    );
  }

  dispose(): void {
    this.#run.removeEventListener('abort', this.#follow);
    this.#abort.dispose();
  }
}

function inWords(ms: number): string {
  return ms < 120_000 ? `${Math.round(ms / 1000)} seconds` : `${Math.round(ms / 60_000)} minutes`;
}
