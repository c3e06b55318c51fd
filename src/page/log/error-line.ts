/** How much of the beginning of a line decides whether it reports an error. */
export const LOOKED_AT_BYTES = 256;

const ESCAPE = 0x1b;
const SPACE = 0x20;
const TAB = 0x09;
const DOT = 0x2e;
const COLON = 0x3a;
const OPEN = 0x5b;
const CLOSE = 0x5d;
/** The longest `[…] ` before what a program has printed, such as `[task 2026-12-01T02:48:18.123Z] `. */
const MAX_PREFIX_BYTES = 64;

/** What a line that reports an error begins with, in lower case, and what may not follow it: `errors: 0` is none. */
const BEGINNINGS = [
  ...['[taskcluster:error]', '##[error]', 'test-unexpected-', 'npm err!', 'make: ***', 'traceback (most recent call'],
  ...['error', 'fatal', 'panic', 'uncaught', 'segmentation fault'],
].map(bytesOf);
const BY_FIRST_BYTE = Array.from({ length: 256 }, (_, byte) => BEGINNINGS.filter(([first]) => first === byte));
const ERROR = bytesOf('error');
/** What compilers write behind the place of an error. */
const INSIDE = [': error: ', ': fatal error: ', ': error ts'].map(bytesOf);

/**
 * Returns whether a line reports an error, by its first bytes: what people look for first in a log that failed. Not
 * everything that it finds is one, and a program may report errors in other words. `end` is behind the line's last byte:
 * there is nothing, or a line end.
 */
export function isErrorLine(bytes: Uint8Array, start = 0, end = bytes.length): boolean {
  const limit = Math.min(end, start + LOOKED_AT_BYTES);
  const from = skipPrefixes(bytes, start, limit);
  if (from === limit) return false;
  if (beginsWith(bytes, from, isEndOfWords)) return true;
  if (isNamedError(bytes, from, limit)) return true;
  for (let at = from; at < limit; at++) {
    if (bytes[at] === COLON && bytes[at + 1] === SPACE && isInside(bytes, at)) return true;
  }
  return false;
}

function isInside(bytes: Uint8Array, at: number): boolean {
  return INSIDE.some((words) => isAt(bytes, at, words));
}

/** Returns whether the line begins with the name of a class of errors and a colon, such as `TypeError:`. */
function isNamedError(bytes: Uint8Array, from: number, limit: number): boolean {
  let end = from;
  while (end < limit && (isLetter(bytes[end]) || bytes[end] === DOT)) end++;
  return bytes[end] === COLON && end - from >= ERROR.length && isAt(bytes, end - ERROR.length, ERROR);
}

/** Returns where the text begins: behind colours, spaces and a prefix in brackets with a space after it. */
function skipPrefixes(bytes: Uint8Array, start: number, limit: number): number {
  const at = skipColours(bytes, start, limit);
  if (bytes[at] !== OPEN || beginsWith(bytes, at)) return at;
  for (let close = at; close < Math.min(limit, at + MAX_PREFIX_BYTES); close++) {
    if (bytes[close] !== CLOSE) continue;
    return bytes[close + 1] === SPACE ? skipColours(bytes, close + 1, limit) : at;
  }
  return at;
}

function skipColours(bytes: Uint8Array, from: number, limit: number): number {
  let at = from;
  for (;;) {
    if (at >= limit) return limit;
    if (bytes[at] === SPACE || bytes[at] === TAB) {
      at++;
    } else if (bytes[at] === ESCAPE && bytes[at + 1] === OPEN) {
      at += 2;
      while (at < limit && isParameter(bytes[at])) at++;
      at++;
    } else {
      return at;
    }
  }
}

function isParameter(byte = 0): boolean {
  return byte >= 0x30 && byte <= 0x3f;
}

/** Returns whether one of the beginnings is there, and `isEnd` is true of it and the byte that follows. */
function beginsWith(bytes: Uint8Array, from: number, isEnd: typeof isEndOfWords = () => true): boolean {
  // Millions of lines are looked at, of which most are told by this.
  const candidates = BY_FIRST_BYTE[lowerCase(bytes[from])];
  return candidates?.some((words) => isAt(bytes, from, words) && isEnd(words, bytes[from + words.length])) ?? false;
}

/** Returns false if the words go on: `errors` begins with `error`, but is another word. */
function isEndOfWords(words: Uint8Array, next: number | undefined): boolean {
  if (next === undefined || !isLetter(words.at(-1))) return true;
  return !isLetter(next) && next !== 0x5f && next !== 0x2d && next !== DOT;
}

function isLetter(byte = 0): boolean {
  return (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a;
}

/** Compares without regard to the case of ASCII's letters. */
function isAt(bytes: Uint8Array, from: number, words: Uint8Array): boolean {
  for (let index = 0; index < words.length; index++) {
    if (lowerCase(bytes[from + index]) !== words[index]) return false;
  }
  return true;
}

function lowerCase(byte = 0): number {
  return byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
