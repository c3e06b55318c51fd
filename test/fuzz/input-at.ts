import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import fc from 'fast-check';
import type { Target } from './target.js';

/** The `index`th input of a target: the same one wherever and whenever it is asked for. */
export function inputAt({ name, inputs }: Target, seed: number, index: number): unknown {
  const hash = createHash('sha256').update(`${seed} ${name} ${index}`).digest();
  const [input] = fc.sample(inputs, { seed: hash.readInt32LE(), numRuns: 1 });
  return input;
}

/** How much there is of an input, roughly: exact for bytes and ASCII text. */
export function sizeOf(input: unknown, depth = 0): number {
  if (typeof input === 'string') return input.length;
  if (ArrayBuffer.isView(input)) return input.byteLength;
  if (typeof input !== 'object' || input === null || depth > MAX_DEPTH) return 1;
  return Object.entries(input).reduce((sum, [key, value]) => sum + key.length + sizeOf(value, depth + 1), 0);
}

// Some refer to themselves.
const MAX_DEPTH = 20;

const SHOWN_LENGTH = 160;
const LONGEST_PREVIEW = 600;

/** The beginning of an input, on one line. */
export function preview(input: unknown): string {
  const text = (value: unknown): unknown =>
    Buffer.isBuffer(value) ? value.toString('latin1', 0, SHOWN_LENGTH) : value;
  const isRecord = typeof input === 'object' && input !== null && !Array.isArray(input) && !Buffer.isBuffer(input);
  const shown = isRecord
    ? Object.fromEntries(Object.entries(input).map(([key, value]) => [key, text(value)]))
    : text(input);
  const options = { maxStringLength: SHOWN_LENGTH, maxArrayLength: 10, breakLength: Infinity, depth: 5, compact: true };
  return inspect(shown, options).slice(0, LONGEST_PREVIEW);
}

/** All of an input: text and bytes as they are, everything else as its parts. */
export function contentOf(input: unknown): string | Buffer {
  if (typeof input === 'string' || Buffer.isBuffer(input)) return input;
  return inspect(input, { maxStringLength: null, maxArrayLength: null, depth: null });
}
