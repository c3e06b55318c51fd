import type { LogFields } from './logger.js';

/** A warning or an error in the worker's log, with its secrets masked. */
export interface Problem {
  readonly time: Date;
  readonly level: 'warn' | 'error';
  readonly event: string;
  readonly fields: LogFields;
}

/** A line of the log has at most 16 KiB, so these take less than 1 MiB. */
const KEPT = 50;

/** Keeps the last warnings and errors of a log. */
export class RecentProblems {
  readonly #now: () => Date;
  readonly #kept: Problem[] = [];

  constructor(now: () => Date = () => new Date()) {
    this.#now = now;
  }

  /** The newest first; at most 50. */
  get newestFirst(): readonly Problem[] {
    return this.#kept.toReversed();
  }

  /** Keeps one more, and drops the oldest when there are too many. The log has masked its secrets. */
  add(level: Problem['level'], event: string, fields: LogFields): void {
    this.#kept.push({ time: this.#now(), level, event, fields });
    if (this.#kept.length > KEPT) this.#kept.shift();
  }
}
