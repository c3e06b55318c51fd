import type { Logger } from '../log/logger.js';
import type { TaskOutput } from '../outcome/task-output.js';
import { errorMessage } from '../util/error-message.js';
import { startOf } from '../util/shorten.js';

/** A single failure does not concern the author: the next attempt mostly succeeds. */
const REPORT_AFTER_FAILURES = 2;
/** Services quote requests, and proxies send whole pages. */
const LONGEST_CAUSE = 300;

/**
 * Reports once, in the task's and the worker's log, that uploads wait for a service and why, and once that they resume:
 * when all that waited have succeeded or ended.
 */
export class OutageNotice {
  readonly #log: Logger;
  readonly #output: TaskOutput;
  readonly #waiting = new Set<object>();
  #outage: { readonly cause: string; readonly sinceMs: number } | undefined;

  constructor({ log, output }: { readonly log: Logger; readonly output: TaskOutput }) {
    this.#log = log;
    this.#output = output;
  }

  /** What uploads wait for, or waited for when they were stopped; undefined while they make progress. */
  get cause(): string | undefined {
    return this.#outage?.cause;
  }

  /** `upload` will be retried after attempt number `attempt` (from 1) failed with `error`. */
  failed(upload: object, error: unknown, attempt: number): void {
    if (attempt < REPORT_AFTER_FAILURES) return;
    this.#waiting.add(upload);
    if (this.#outage) return;
    const cause = firstLine(errorMessage(error));
    this.#outage = { cause, sinceMs: performance.now() };
    this.#log.warn('artifact uploads wait', { error: cause });
    this.#output.line(`Uploads wait: ${cause}. The worker retries until they succeed or the run has to end.`);
  }

  /** `upload` has succeeded. */
  succeeded(upload: object): void {
    if (!this.#waiting.delete(upload) || this.#waiting.size > 0 || !this.#outage) return;
    const waitedMs = Math.round(performance.now() - this.#outage.sinceMs);
    this.#outage = undefined;
    this.#log.info('artifact uploads resumed', { waitedMs });
    this.#output.line(`Uploads resumed after ${Math.round(waitedMs / 1000)} s.`);
  }

  /** `upload` has ended, successfully or not; harmless after `succeeded`. */
  abandoned(upload: object): void {
    this.#waiting.delete(upload);
  }
}

function firstLine(text: string): string {
  const [line = ''] = startOf(text, LONGEST_CAUSE).split(/[\r\n]/, 1);
  return line.trim();
}
