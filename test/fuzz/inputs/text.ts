import fc from 'fast-check';

/** The longest input. */
export const MAX_BYTES = 1024 * 1024;

/** Characters and words that have a meaning for one parser or another. */
const NASTY = [
  ' ',
  '\t',
  '\n',
  '\r\n',
  '\0',
  '/',
  '\\',
  '.',
  '..',
  ':',
  '::',
  '@',
  '=',
  '?',
  '&',
  '#',
  '%',
  '%2e',
  '%00',
  '%zz',
  '"',
  "'",
  '`',
  '$',
  '{',
  '}',
  '[',
  ']',
  '(',
  '<',
  '>',
  '*',
  '-',
  '_',
  '~',
  '0',
  '9',
  '-1',
  '1e999',
  'a',
  'Z',
  'é',
  'ß',
  'İ',
  '\u0085',
  '\u2028',
  '\u202e',
  '\ufeff',
  '\ufffd',
  '😀',
  '\ud800',
  '\udc00',
  '\x1b[31m',
  '\x1b]8;;',
  '\x7f',
  '__proto__',
  'constructor',
  'toString',
  'null',
  'undefined',
  'NaN',
];

/** Mostly small, and every now and then as large as inputs get: what takes quadratic time shows only then. */
export function size(max = MAX_BYTES): fc.Arbitrary<number> {
  const upTo = (most: number): number => Math.min(most, max);
  return fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 0, max: upTo(100) }) },
    { weight: 3, arbitrary: fc.integer({ min: 0, max: upTo(10_000) }) },
    { weight: 2, arbitrary: fc.integer({ min: upTo(64 * 1024), max }) },
  );
}

function token(tokens: readonly string[]): fc.Arbitrary<string> {
  return fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom(...tokens) },
    { weight: 3, arbitrary: fc.constantFrom(...NASTY) },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 4 }) },
  );
}

function phrase(tokens: readonly string[], minLength: number, maxLength: number): fc.Arbitrary<string> {
  return fc.array(token(tokens), { minLength, maxLength }).map((parts) => parts.join(''));
}

/** What makes a regular expression begin again at every place, of most kinds that are written by mistake. */
const CLASSICS = [
  'a',
  '0',
  ' ',
  '.',
  '/',
  '-',
  ':',
  '@',
  '"',
  '\\',
  '(',
  '[',
  '\n',
  ' \n',
  'a.',
  'a-',
  'a+',
  'a ',
  'a:',
  'a@',
  'a/',
  'a=',
  'a,',
  'a"',
  '/.',
  '../',
  '%41',
  'aA',
  'a0',
  '\\"',
  'é',
  '😀',
];

function piece(tokens: readonly string[]): fc.Arbitrary<string> {
  return fc.oneof(
    { weight: 2, arbitrary: fc.constantFrom(...tokens) },
    { weight: 2, arbitrary: phrase(tokens, 1, 3) },
    { weight: 3, arbitrary: fc.constantFrom(...CLASSICS) },
  );
}

/**
 * A short piece many times over, with something in front of it and something behind it: whatever goes back and tries
 * again, at every piece, takes quadratic time for that.
 */
function pumped(tokens: readonly string[], max: number): fc.Arbitrary<string> {
  return fc
    .tuple(phrase(tokens, 0, 4), piece(tokens), size(max), phrase(tokens, 0, 4))
    .map(([before, repeated, length, behind]) => {
      const times = Math.floor(Math.max(0, length - before.length - behind.length) / Math.max(1, repeated.length));
      return before + repeated.repeat(times) + behind;
    });
}

/** Text made of these tokens and of what confuses parsers, at most `max` characters. */
export function textOf(tokens: readonly string[], max = MAX_BYTES): fc.Arbitrary<string> {
  return fc
    .oneof(
      { weight: 4, arbitrary: phrase(tokens, 0, 12) },
      { weight: 4, arbitrary: pumped(tokens, max) },
      {
        weight: 1,
        arbitrary: fc.array(pumped(tokens, Math.floor(max / 3)), { maxLength: 3 }).map((all) => all.join('')),
      },
      { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 60 }) },
    )
    .map((text) => text.slice(0, max));
}
