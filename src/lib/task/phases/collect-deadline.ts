import { LinkedAbort } from '../../util/linked-abort.js';
import { TaskError, stopOf } from '../../outcome/errors.js';

/**
 * A machine that is taken away leaves about two minutes. From the stop on, artifacts may take so long, and all of a run's
 * uploads, its log last, so long; the rest is for removing what it had.
 */
const SHUTDOWN_COLLECT_MS = 80_000;
export const SHUTDOWN_UPLOAD_MS = 95_000;
/** What is left of the task's time for its log and its resolution: at most so much, and half of a short rest. */
const LOG_AND_REPORT_MS = 60_000;

/** What a run's features share to publish what its command made. */
export interface CollectLimit {
  /** Milliseconds that this worker grants. */
  readonly grantedMs: number;
  /** When the queue gives the task up, by this machine's clock. */
  readonly taskDeadline: Date;
  readonly now: () => Date;
}

/** Reason of the signal once time is up: no stop, the run is resolved by this worker. */
class CollectTimeout extends Error {}

/**
 * The time for collecting, from the end of the command on. Follows the run's signal, except that a shutdown leaves a last
 * deadline to upload what there is. Dispose it.
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
    // A task whose time is over already by this clock runs by the queue's, which ends it itself.
    this.#limitMs = leftMs > 0 ? Math.min(grantedMs, leftMs - Math.min(LOG_AND_REPORT_MS, leftMs / 2)) : grantedMs;
    this.#abort.abortAfter(this.#limitMs, () => new CollectTimeout('the time to upload artifacts is over'));
    run.addEventListener('abort', this.#follow, { once: true });
    if (run.aborted) this.#follow();
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /**
   * Undefined while there is time left. Then the failure it makes: the author's, for too much, or the worker's when
   * uploads waited for `waitedFor`, the last error of a service.
   */
  timeout(waitedFor: string | undefined): TaskError | undefined {
    if (!(this.#abort.signal.reason instanceof CollectTimeout)) return undefined;
    const what = `Artifacts were not all uploaded in the ${inWords(this.#limitMs)} after the command that there were for it`;
    if (waitedFor !== undefined) {
      return TaskError.exception('internal-error', `${what}: uploads still waited, because ${waitedFor}`);
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
