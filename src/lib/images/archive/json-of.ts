import { setImmediate } from 'node:timers/promises';
import { errorMessage } from '../../util/error-message.js';
import { ArchiveError } from './archive-error.js';

/** The metadata of real images is nested less than ten levels deep. */
const MAX_DEPTH = 64;
/** Parsing this many values takes a few milliseconds; the metadata of real images has a few hundred. */
const MAX_VALUES = 20_000;

const BYTES_PER_TURN = 512 * 1024;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPENING_BRACKET = 0x5b;
const CLOSING_BRACKET = 0x5d;
const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;

/** Parses a JSON file of an archive. Throws an ArchiveError if it is not JSON, or has too many values or levels. */
export async function jsonOf(content: Buffer, name: string): Promise<unknown> {
  checkSize(content, name);
  // Counting and parsing 4 MiB each take tens of milliseconds.
  if (content.length > BYTES_PER_TURN) await setImmediate();
  try {
    return JSON.parse(content.toString('utf8')) as unknown;
  } catch (error) {
    throw new ArchiveError(`${name} is not JSON: ${errorMessage(error)}`, { cause: error });
  }
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Counts the values that a parser would create. Text that is not JSON may pass: the parser detects it. */
function checkSize(content: Buffer, name: string): void {
  let depth = 0;
  let values = 1;
  for (let at = 0; at < content.length; at += 1) {
    const byte = content[at] ?? 0;
    if (byte === QUOTE) at = endOfString(content, at);
    else if (byte === COMMA) values += 1;
    else if (byte === CLOSING_BRACKET || byte === CLOSING_BRACE) depth -= 1;
    else if (byte === OPENING_BRACKET || byte === OPENING_BRACE) {
      depth += 1;
      values += 1;
    }
    if (depth > MAX_DEPTH) throw new ArchiveError(`${name} is nested more than ${MAX_DEPTH} levels deep`);
    if (values > MAX_VALUES) throw new ArchiveError(`${name} has more than ${MAX_VALUES} values`);
  }
}

/** Returns the position of a string's closing quote; the end of the content if it has none. */
function endOfString(content: Buffer, start: number): number {
  let at = start + 1;
  while (at < content.length && content[at] !== QUOTE) at += content[at] === BACKSLASH ? 2 : 1;
  return at;
}
