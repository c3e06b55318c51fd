import type { LogFields, Logger } from '../../src/lib/log/logger.js';

export interface LogRecord {
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'alert';
  /** As given: an alert's has no prefix. */
  readonly event: string;
  readonly fields: LogFields;
}

/** A log in memory. Logs made from it with `with` write into the same records and know the same secrets. */
export class MemoryLogger implements Logger {
  readonly records: LogRecord[];
  readonly secrets: Set<string>;
  readonly #bound: LogFields;
  readonly #waiting: Set<(record: LogRecord) => void>;

  constructor(
    bound: LogFields = {},
    records: LogRecord[] = [],
    secrets = new Set<string>(),
    waiting = new Set<(record: LogRecord) => void>(),
  ) {
    this.#bound = bound;
    this.records = records;
    this.secrets = secrets;
    this.#waiting = waiting;
  }

  /** The first record of an event, when it comes; `taskId`: of that task. */
  async next(event: string, taskId?: string): Promise<LogRecord> {
    const isIt = (record: LogRecord): boolean =>
      record.event === event && (taskId === undefined || record.fields['taskId'] === taskId);
    const before = this.records.find(isIt);
    if (before) return before;
    return await this.#upcoming(isIt);
  }

  /** Resolves with the next record of this event, which is still to come. */
  async upcoming(event: string): Promise<LogRecord> {
    return await this.#upcoming((record) => record.event === event);
  }

  async #upcoming(isIt: (record: LogRecord) => boolean): Promise<LogRecord> {
    return await new Promise((resolve) => {
      const listener = (record: LogRecord): void => {
        if (!isIt(record)) return;
        this.#waiting.delete(listener);
        resolve(record);
      };
      this.#waiting.add(listener);
    });
  }

  /** The names of all events, in order. */
  get events(): readonly string[] {
    return this.records.map(({ event }) => event);
  }

  /** The records of one event, in order. */
  of(event: string): readonly LogRecord[] {
    return this.records.filter((record) => record.event === event);
  }

  debug(event: string, fields?: LogFields): void {
    this.#add('debug', event, fields);
  }

  info(event: string, fields?: LogFields): void {
    this.#add('info', event, fields);
  }

  warn(event: string, fields?: LogFields): void {
    this.#add('warn', event, fields);
  }

  error(event: string, fields?: LogFields): void {
    this.#add('error', event, fields);
  }

  alert(event: string, fields?: LogFields): void {
    this.#add('alert', event, fields);
  }

  with(fields: LogFields): MemoryLogger {
    return new MemoryLogger({ ...this.#bound, ...fields }, this.records, this.secrets, this.#waiting);
  }

  addSecret(value: string): () => void {
    this.secrets.add(value);
    return () => {
      this.secrets.delete(value);
    };
  }

  #add(level: LogRecord['level'], event: string, fields: LogFields = {}): void {
    const record = { level, event, fields: { ...this.#bound, ...fields } };
    this.records.push(record);
    for (const listener of this.#waiting) listener(record);
  }
}
