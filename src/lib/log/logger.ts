import { pino } from 'pino';
import type { DestinationStream } from 'pino';
import { logFields } from './log-fields.js';
import { Redactor } from './redactor.js';

export type LogFields = Readonly<Record<string, unknown>>;

/**
 * The worker's log, for operators and the tools that search it. `event` is a constant name; facts go into `fields` (an
 * error into `error`). Credentials in fields are masked by their key, known secrets wherever they appear. A line has at
 * most 16 KiB: long texts and lists are truncated.
 */
export interface Logger {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
  /** Logs what the operator must check: an error whose event begins with `[alert-operator] `. */
  alert(event: string, fields?: LogFields): void;
  /** Returns the same log with `fields` added to each line; they override previous ones. */
  with(fields: LogFields): Logger;
  /** Masks `value` in this log and all made from it until the returned function is called. */
  addSecret(value: string): () => void;
}

export interface LoggerOptions {
  /** The fields of every line that identify the writer. */
  readonly baseFields: LogFields;
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  /** Receives the log, one line at a time; its `write` must not block. */
  readonly destination: DestinationStream;
  /** Values to mask in the log. */
  readonly secrets?: readonly string[];
  /** Called for each alert, with its secrets masked. */
  readonly onAlert?: AlertListener;
  /** Called for each warning, error and alert that is logged, with the secrets of the line masked. */
  readonly onProblem?: ProblemListener;
}

export type AlertListener = (event: string, fields: LogFields) => void;
type ProblemListener = (level: 'warn' | 'error', event: string, fields: LogFields) => void;

const MAX_EVENT_LENGTH = 200;
// pino writes these itself; a field of the same name would be a duplicate in the line.
const RESERVED = new Set(['type', 'level', 'time']);

/** Creates a log with one JSON object per line: time, level, type (the event), base fields, fields. */
export function createLogger(options: LoggerOptions): Logger {
  const redactor = new Redactor(options.secrets);
  const output = pino(
    {
      base: null,
      level: options.level,
      messageKey: 'type',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (level) => ({ level }) },
    },
    options.destination,
  );
  const { onAlert, onProblem, baseFields } = options;
  return new PinoLogger({ output, redactor, onAlert, onProblem }, baseFields);
}

/** What all logs made from one another share. */
interface Sink {
  readonly output: pino.Logger;
  readonly redactor: Redactor;
  readonly onAlert: AlertListener | undefined;
  readonly onProblem: ProblemListener | undefined;
}

class PinoLogger implements Logger {
  readonly #sink: Sink;
  readonly #bound: LogFields;

  constructor(sink: Sink, bound: LogFields) {
    this.#sink = sink;
    this.#bound = bound;
  }

  debug(event: string, fields?: LogFields): void {
    this.#write('debug', event, fields);
  }

  info(event: string, fields?: LogFields): void {
    this.#write('info', event, fields);
  }

  warn(event: string, fields?: LogFields): void {
    this.#write('warn', event, fields);
  }

  error(event: string, fields?: LogFields): void {
    this.#write('error', event, fields);
  }

  alert(event: string, fields?: LogFields): void {
    this.#write('error', `[alert-operator] ${event}`, fields);
    const { redactor, onAlert } = this.#sink;
    onAlert?.(redactor.cleanText(event, MAX_EVENT_LENGTH), logFields({ ...this.#bound, ...fields }, redactor));
  }

  with(fields: LogFields): Logger {
    return new PinoLogger(this.#sink, { ...this.#bound, ...fields });
  }

  addSecret(value: string): () => void {
    return this.#sink.redactor.add(value);
  }

  #write(level: 'debug' | 'info' | 'warn' | 'error', event: string, fields: LogFields = {}): void {
    const { output, redactor, onProblem } = this.#sink;
    if (!output.isLevelEnabled(level)) return;
    const merged = { ...this.#bound, ...fields };
    const named = Object.entries(merged).map(([key, value]) => [RESERVED.has(key) ? `${key}_` : key, value] as const);
    const [line, name] = [logFields(Object.fromEntries(named), redactor), redactor.cleanText(event, MAX_EVENT_LENGTH)];
    output[level](line, name);
    if (level === 'warn' || level === 'error') onProblem?.(level, name, line);
  }
}
