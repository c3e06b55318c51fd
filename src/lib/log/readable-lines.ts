import { printable } from '../util/printable.js';

const TIME_LENGTH = '2026-11-30T07:00:00.000'.length;
/** The fields that identify the writer; shown in the first line and whenever they change. */
const WRITER = ['source', 'provisionerId', 'workerType', 'workerGroup', 'workerId', 'workerNodeType'];
const LEVELS: Readonly<Record<string, string>> = { debug: 'debug', info: 'info ', warn: 'WARN ', error: 'ERROR' };
const INDENT = '    ';
const LONGEST_CHAIN = 16;

/**
 * Turns the lines of the worker's log, JSON objects, into lines that people can read on a terminal: time, level, event,
 * facts, and below them the stack of an error. Lines that are not JSON objects stay as they are.
 */
export class ReadableLines {
  readonly #write: (line: string) => void;
  #writer = '';

  constructor(write: (line: string) => void) {
    this.#write = write;
  }

  /** Converts a line, which includes its line break. */
  write(line: string): void {
    const entry = parsed(line);
    this.#write(entry ? this.#readable(entry) : line);
  }

  #readable({ time, level, type, ...fields }: Readonly<Record<string, unknown>>): string {
    const at = String(time).slice(0, TIME_LENGTH).replace('T', ' ');
    const about = this.#newFacts(fields).map(([key, value]) => ` ${key}=${valueOf(value)}`);
    const name = LEVELS[String(level)] ?? String(level);
    const first = inOneLine(`${at} ${name} ${String(type)}${about.join('')}`);
    const stack = level === 'error' || level === 'warn' ? stackOf(fields['error']) : [];
    return [first, ...stack, ''].join('\n');
  }

  /** Returns the fields without those about the writer that did not change since the previous line. */
  #newFacts(fields: Readonly<Record<string, unknown>>): readonly (readonly [string, unknown])[] {
    const writer = JSON.stringify(WRITER.map((key) => fields[key]));
    const isKnown = writer === this.#writer;
    this.#writer = writer;
    return Object.entries(fields).filter(([key]) => !isKnown || !WRITER.includes(key));
  }
}

function parsed(line: string): Readonly<Record<string, unknown>> | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line) as Readonly<Record<string, unknown>>;
  } catch {
    return undefined;
  }
}

function valueOf(value: unknown): string {
  const message = chainOf(value).join(': ');
  if (message !== '') return JSON.stringify(message);
  return typeof value === 'string' && /^[\w.:/@+-]+$/.test(value) ? value : JSON.stringify(value);
}

/** Returns the messages of an error and its causes. */
function chainOf(value: unknown): readonly string[] {
  const messages: string[] = [];
  for (let error = value, depth = 0; depth < LONGEST_CHAIN && isError(error); depth++, error = error.cause) {
    const { message } = error;
    if (!messages.some((each) => each.includes(message))) messages.push(message);
  }
  return messages;
}

function stackOf(value: unknown): readonly string[] {
  if (!isError(value) || typeof value.stack !== 'string') return [];
  const places = value.stack.split('\n').filter((line) => /^\s+at /.test(line));
  return places.map((line) => inOneLine(INDENT + line.trim()));
}

interface ErrorFields {
  readonly message: string;
  readonly stack?: unknown;
  readonly cause?: unknown;
}

function isError(value: unknown): value is ErrorFields {
  return typeof value === 'object' && value !== null && 'message' in value && typeof value.message === 'string';
}

function inOneLine(text: string): string {
  return printable(text.replaceAll('\n', ' '));
}
