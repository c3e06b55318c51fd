import type { Logger } from '../log/logger.js';
import type { TaskOutput } from '../outcome/task-output.js';
import { errorMessage } from '../util/error-message.js';
import { startOf } from '../util/shorten.js';

/** One failure is nothing to tell the author of: the next attempt mostly succeeds. */
const SAID_AFTER_FAILURES = 2;
/** Services quote what they were sent, and proxies send whole pages. */
const LONGEST_CAUSE = 300;

/**
 * Says once, in the task's log and in the worker's, that uploads wait for a service and for what, and once that they go
 * on: when none of those that waited does any more.
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

  /** What uploads wait for, or waited for when they were stopped; undefined when they make progress. */
  get cause(): string | undefined {
    return this.#outage?.cause;
  }

  /** `upload` will be tried again after attempt number `attempt` (from 1) failed with `error`. */
  failed(upload: object, error: unknown, attempt: number): void {
    if (attempt < SAID_AFTER_FAILURES) return;
    this.#waiting.add(upload);
    if (this.#outage) return;
    const cause = firstLine(errorMessage(error));
    this.#outage = { cause, sinceMs: performance.now() };
    this.#log.warn('artifact uploads wait', { error: cause });
    this.#output.line(`Uploads wait: ${cause}. They are tried again until this works or the run has to end.`);
  }

  /** `upload` has what it wanted. */
  succeeded(upload: object): void {
    if (!this.#waiting.delete(upload) || this.#waiting.size > 0 || !this.#outage) return;
    const waitedMs = Math.round(performance.now() - this.#outage.sinceMs);
    this.#outage = undefined;
    this.#log.info('artifact uploads resumed', { waitedMs });
    this.#output.line(`Uploads go on after ${Math.round(waitedMs / 1000)} s.`);
  }

  /** `upload` ended otherwise; harmless after `succeeded`. */
  abandoned(upload: object): void {
    this.#waiting.delete(upload);
  }
}

function firstLine(text: string): string {
  const [line = ''] = startOf(text, LONGEST_CAUSE).split(/[\r\n]/, 1);
  return line.trim();
}
