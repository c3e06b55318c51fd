import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { MAX_BYTES, size } from './text.js';

type Edit = (bytes: Buffer) => Buffer;

/** Somewhere in the bytes, as a share of them. */
const place = fc.double({ min: 0, max: 1, noNaN: true });
const at = (bytes: Buffer, share: number): number => Math.floor(share * bytes.length);
const inserted = (bytes: Buffer, where: number, more: Buffer): Buffer =>
  Buffer.concat([bytes.subarray(0, where), more, bytes.subarray(where)]);

/** Two places, the lower one first. */
const range = fc.tuple(place, place).map((pair) => pair.sort((one, other) => one - other));
const piece = fc.oneof(
  fc.uint8Array({ maxLength: 16 }).map((bytes) => Buffer.from(bytes)),
  fc
    .constantFrom('\0', '\0'.repeat(512), '\xff'.repeat(8), '0', '7777777', '\r\n', '{', '"', '../', '-1')
    .map((text) => Buffer.from(text, 'latin1')),
);

const edit: fc.Arbitrary<Edit> = fc.oneof(
  fc.tuple(place, fc.integer({ min: 1, max: 255 })).map(([share, mask]) => (bytes: Buffer): Buffer => {
    const copy = Buffer.from(bytes);
    const index = Math.min(at(bytes, share), bytes.length - 1);
    if (index >= 0) copy[index] = (copy[index] ?? 0) ^ mask;
    return copy;
  }),
  place.map((share) => (bytes: Buffer) => bytes.subarray(0, at(bytes, share))),
  range.map(
    ([from, to]) =>
      (bytes: Buffer) =>
        Buffer.concat([bytes.subarray(0, at(bytes, from)), bytes.subarray(at(bytes, to))]),
  ),
  fc.tuple(range, size(64 * 1024)).map(([[from, to], wanted]) => (bytes: Buffer): Buffer => {
    const part = bytes.subarray(at(bytes, from), at(bytes, to));
    const times = part.length === 0 ? 0 : Math.ceil(wanted / part.length);
    return inserted(bytes, at(bytes, to), Buffer.concat(Array<Buffer>(times).fill(part)));
  }),
  fc.tuple(place, piece).map(
    ([share, more]) =>
      (bytes: Buffer) =>
        inserted(bytes, at(bytes, share), more),
  ),
  range.map(([from, to]) => (bytes: Buffer) => {
    const [start, end] = [at(bytes, from), at(bytes, to)];
    return Buffer.concat([bytes.subarray(end), bytes.subarray(start, end), bytes.subarray(0, start)]);
  }),
  range.map(
    ([from, to]) =>
      (bytes: Buffer) =>
        Buffer.from(bytes).fill(0, at(bytes, from), at(bytes, to)),
  ),
);

/** What is left of good bytes after some changes; a part of them stays as it is. */
export function mutated(good: fc.Arbitrary<Buffer>, maxBytes = MAX_BYTES): fc.Arbitrary<Buffer> {
  return fc
    .tuple(good, fc.array(edit, { maxLength: 4 }))
    .map(([bytes, edits]) => edits.reduce((current, change) => change(current), bytes).subarray(0, maxBytes));
}

/** Bytes that come as a stream, in chunks of this size. */
export const chunkBytes = fc.oneof(fc.constantFrom(1, 7, 512, 4096, 65_536), fc.integer({ min: 1, max: 100_000 }));

export async function* chunksOf(bytes: Buffer, length: number): AsyncGenerator<Buffer, void, undefined> {
  // One chunk for each byte of a large input would measure the generator.
  const step = Math.max(length, Math.ceil(bytes.length / 500));
  for (let from = 0; from < bytes.length; from += step) {
    // As from a socket: the event loop turns in between.
    await setImmediate();
    yield bytes.subarray(from, from + step);
  }
}
