import { isErrorLine, LOOKED_AT_BYTES } from './error-line.js';
import { GrowingNumbers } from './growing-numbers.js';

const BLOCK_BYTES = 1 << 20;
const NEWLINE = 10;
const CARRIAGE_RETURN = 13;

/** What a page keeps of a log. The rest can be downloaded. */
const MAX_LOG_BYTES = 1 << 30;

/** A range of bytes of a log; `end` is the first one behind it. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * The bytes of a log and where its lines begin: its size and 4 bytes a line, as a browser could not keep a string for
 * each of millions of lines. Lines count from 0 here, and from 1 for people.
 */
export class LogBytes {
  readonly #blocks: Uint8Array[] = [];
  readonly #starts = new GrowingNumbers();
  readonly #errors = new GrowingNumbers();
  readonly #maxBytes: number;
  #length = 0;
  #isCut = false;

  constructor(maxBytes = MAX_LOG_BYTES) {
    this.#maxBytes = Math.min(maxBytes, MAX_LOG_BYTES);
    this.#starts.push(0);
  }

  get length(): number {
    return this.#length;
  }

  /** Whether bytes were left out because there were too many. */
  get isCut(): boolean {
    return this.#isCut;
  }

  /** How many lines there are, with the last one, which may still grow; an empty one at the end is none. */
  get lineCount(): number {
    const { length } = this.#starts;
    return this.#starts.at(length - 1) === this.#length ? length - 1 : length;
  }

  /** How many lines will not grow any more. */
  get completeLineCount(): number {
    return this.#starts.length - 1;
  }

  /** The numbers of lines that report errors, in ascending order. A line counts once it is complete. */
  get errorLines(): GrowingNumbers {
    return this.#errors;
  }

  append(bytes: Uint8Array): void {
    const taken = bytes.subarray(0, this.#maxBytes - this.#length);
    if (taken.length < bytes.length) this.#isCut = true;
    for (let done = 0; done < taken.length;) {
      const inBlock = this.#length % BLOCK_BYTES;
      if (inBlock === 0) this.#blocks.push(new Uint8Array(BLOCK_BYTES));
      const part = taken.subarray(done, done + BLOCK_BYTES - inBlock);
      this.#blocks.at(-1)?.set(part, inBlock);
      this.#length += part.length;
      this.#findLines(part, this.#length - part.length);
      done += part.length;
    }
  }

  /** Returns the bytes of a line with everything that a carriage return has overwritten, without the line's end. */
  line(index: number): ByteRange {
    const start = this.#starts.at(index);
    let end = index + 1 < this.#starts.length ? this.#starts.at(index + 1) - 1 : this.#length;
    while (end > start && this.byte(end - 1) === CARRIAGE_RETURN) end--;
    return { start, end };
  }

  /** Returns the bytes of a line that a terminal would still show: those behind the last carriage return in it. */
  shownLine(index: number): ByteRange {
    const { start, end } = this.line(index);
    for (let to = end; to > start;) {
      const from = Math.max(start, to - (((to - 1) % BLOCK_BYTES) + 1));
      const at = this.read({ start: from, end: to }).lastIndexOf(CARRIAGE_RETURN);
      if (at !== -1) return { start: from + at + 1, end };
      to = from;
    }
    return { start, end };
  }

  /** Returns the number of the line that has this byte. */
  lineAt(offset: number): number {
    return Math.max(0, this.#starts.countBelow(offset + 1) - 1);
  }

  byte(offset: number): number {
    return this.#blocks[Math.floor(offset / BLOCK_BYTES)]?.[offset % BLOCK_BYTES] ?? 0;
  }

  /** Returns bytes: not to be changed, as they are not always a copy. */
  read({ start, end }: ByteRange): Uint8Array {
    const last = Math.min(end, this.#length);
    const first = Math.floor(start / BLOCK_BYTES);
    if (last <= start) return new Uint8Array();
    if (Math.floor((last - 1) / BLOCK_BYTES) === first) {
      const base = first * BLOCK_BYTES;
      return this.#blocks[first]?.subarray(start - base, last - base) ?? new Uint8Array();
    }
    const joined = new Uint8Array(last - start);
    for (let at = start; at < last;) {
      const inBlock = at % BLOCK_BYTES;
      const part = this.#blocks[Math.floor(at / BLOCK_BYTES)]?.subarray(inBlock, inBlock + last - at);
      joined.set(part ?? new Uint8Array(), at - start);
      at += BLOCK_BYTES - inBlock;
    }
    return joined;
  }

  /** Returns the whole log, in parts that must not be changed. */
  parts(): readonly Uint8Array[] {
    return this.#blocks.map((_, index) =>
      this.read({ start: index * BLOCK_BYTES, end: Math.min((index + 1) * BLOCK_BYTES, this.#length) }),
    );
  }

  /** Looks at the line that ends at `at` of a part; its beginning may have come before. */
  #isError(part: Uint8Array, offset: number, at: number): boolean {
    const start = this.#starts.at(this.#starts.length - 1);
    if (start >= offset) return isErrorLine(part, start - offset, at);
    return isErrorLine(this.read({ start, end: Math.min(offset + at, start + LOOKED_AT_BYTES) }));
  }

  #findLines(part: Uint8Array, offset: number): void {
    for (let at = part.indexOf(NEWLINE); at !== -1; at = part.indexOf(NEWLINE, at + 1)) {
      if (this.#isError(part, offset, at)) this.#errors.push(this.#starts.length - 1);
      this.#starts.push(offset + at + 1);
    }
  }
}
