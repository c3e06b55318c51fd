import type { Logger } from '../../log/logger.js';
import type { RunQueue } from '../../queue/queue-client.js';
import { LinkedAbort } from '../../util/linked-abort.js';
import { retry } from '../../util/retry.js';
import { resolutionName } from '../../outcome/resolution.js';
import type { Resolution } from '../../outcome/resolution.js';
import { isErrorOf, isRetryable } from '../../outcome/service-error.js';

export interface ReporterOptions {
  readonly queue: RunQueue;
  /** Reporting is retried until then. */
  readonly takenUntil: () => Date;
  readonly log: Logger;
  readonly now: () => Date;
  /** Reporting is given up when it aborts, and the run is left unreported. Without it reporting can't be stopped. */
  readonly signal?: AbortSignal;
}

const REPORT_RETRIES = { attempts: Infinity, firstDelayMs: 500, maxDelayMs: 15_000, randomization: 0.25 };
const SHORTEST_PATIENCE_MS = 30_000;

/** Reports to the queue how a run ended, once: the first resolution counts, later calls wait for it. Never throws. */
export class Reporter {
  readonly #options: ReporterOptions;
  #reported: { readonly resolution: Resolution; readonly done: Promise<void> } | undefined;

  constructor(options: ReporterOptions) {
    this.#options = options;
  }

  /** The resolution that was or is being reported. */
  get reported(): Resolution | undefined {
    return this.#reported?.resolution;
  }

  async report(resolution: Resolution): Promise<void> {
    this.#reported ??= { resolution, done: this.#report(resolution) };
    await this.#reported.done;
  }

  async #report(resolution: Resolution): Promise<void> {
    const { log, takenUntil, now, signal } = this.#options;
    const taskState = resolutionName(resolution);
    if (resolution.kind === 'dropped') {
      log.info('task resolved', { taskState, reportedBy: 'another entity' });
      return;
    }
    const limit = new LinkedAbort(signal);
    const leastMs = now().getTime() + SHORTEST_PATIENCE_MS;
    const limitToClaim = (): void => {
      const untilMs = Math.max(takenUntil().getTime(), leastMs);
      limit.abortAfter(Math.max(untilMs - now().getTime(), 0), () => new Error('the claim is over'));
    };
    limitToClaim();
    const onRetry = (error: unknown, attempt: number): void => {
      log.warn('error reporting task', { error, attempt, taskState });
      // The claim may have been renewed meanwhile.
      limitToClaim();
    };
    try {
      const send = () => this.#send(resolution, limit.signal);
      await retry(REPORT_RETRIES, { isRetryable, onRetry }, send, limit.signal);
      log.info('task resolved', { taskState });
    } catch (error) {
      if (signal?.aborted) {
        log.warn('task not resolved yet', { taskState });
      } else if (isErrorOf(error, 'taskcluster', 409)) {
        log.warn('task resolved elsewhere', { taskState, error });
      } else {
        log.alert('task not resolved', { taskState, error });
      }
    } finally {
      limit.dispose();
    }
  }

  async #send(resolution: Exclude<Resolution, { kind: 'dropped' }>, signal: AbortSignal): Promise<void> {
    const { queue } = this.#options;
    switch (resolution.kind) {
      case 'completed':
        return queue.reportCompleted(signal);
      case 'failed':
        return queue.reportFailed(signal);
      case 'exception':
        return queue.reportException(resolution.reason, signal);
    }
  }
}
