import { ArchiveError } from './archive-error.js';

const EMPTY = Buffer.alloc(0);

/** Reads a stream piece by piece, keeping one chunk at a time. */
export class ChunkReader {
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = EMPTY;

  constructor(source: AsyncIterable<Buffer>) {
    this.#chunks = source[Symbol.asyncIterator]();
  }

  /** Returns the next bytes as they arrive, at most `limit`; undefined at the end. */
  async some(limit: number): Promise<Buffer | undefined> {
    while (this.#rest.length === 0) {
      const next = await this.#chunks.next();
      if (next.done) return undefined;
      this.#rest = next.value;
    }
    const piece = this.#rest.length <= limit ? this.#rest : this.#rest.subarray(0, limit);
    this.#rest = piece === this.#rest ? EMPTY : this.#rest.subarray(limit);
    return piece;
  }

  /** Returns exactly `count` bytes in memory; undefined if the stream ends before the first of them. */
  async exactly(count: number): Promise<Buffer | undefined> {
    if (count === 0) return EMPTY;
    const first = await this.some(count);
    if (first === undefined || first.length === count) return first;
    // Copied on arrival: chunks may be single bytes, and each kept Buffer would take a hundred.
    const whole = Buffer.allocUnsafe(count);
    let at = first.copy(whole);
    while (at < count) at += ((await this.some(count - at)) ?? throwTruncated()).copy(whole, at);
    return whole;
  }

  /** Closes the stream. */
  async close(): Promise<void> {
    await this.#chunks.return?.();
  }
}

export function throwTruncated(): never {
  throw new ArchiveError('it is truncated');
}
