import { constants, open } from 'node:fs/promises';
import { buffersPassed } from '../util/passing-buffers.js';
import type { ByteSpan } from './output-map.js';

const READ_BYTES = 64 * 1024;

/** The container's output as the engine kept it is not the same as in the log. */
export class OutputMismatch extends Error {
  /** Where the first different byte is, counted from the first byte of the output. */
  readonly atByte: number;

  constructor(atByte: number) {
    super(`from byte ${atByte} on, the output that the engine has kept is not the same as in this log`);
    this.atByte = atByte;
  }
}

/** Reads these parts of a file one after another, in chunks of at most 64 KiB. Throws file system errors. */
export async function* readSpans(path: string, spans: readonly ByteSpan[]): AsyncGenerator<Buffer, void> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    for (const { start, end } of spans) {
      let position = start;
      while (position < end) {
        const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, end - position));
        buffersPassed(buffer.length);
        const { bytesRead } = await file.read(buffer, 0, buffer.length, position);
        if (bytesRead === 0) throw new Error(`the log file ends at byte ${position}: another process truncated it`);
        position += bytesRead;
        yield buffer.subarray(0, bytesRead);
      }
    }
  } finally {
    await file.close();
  }
}

/** Returns at most `maxBytes` of the file, from `position` on, as text. Throws file system errors. */
export async function textAt(path: string, position: number, maxBytes: number): Promise<string> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(maxBytes), 0, maxBytes, position);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}

/** Returns the byte at `position`; undefined if the file has none there. Throws file system errors. */
export async function byteAt(path: string, position: number): Promise<number | undefined> {
  if (position < 0) return undefined;
  for await (const [byte] of readSpans(path, [{ start: position, end: position + 1 }])) return byte;
  return undefined;
}

/** Removes the output that the log has already from the front of the same output, read again from its first byte. */
export class LoggedPrefix {
  readonly #logged: AsyncGenerator<Buffer, void>;
  #chunk: Buffer = Buffer.alloc(0);
  #comparedBytes = 0;
  #isOver = false;

  /** Takes over `logged`. */
  constructor(logged: AsyncGenerator<Buffer, void>) {
    this.#logged = logged;
  }

  /** Takes the next chunks of the output, and returns what the log lacks. Throws an OutputMismatch. */
  async strip(pieces: readonly Buffer[]): Promise<readonly Buffer[]> {
    if (this.#isOver) return pieces;
    const rest: Buffer[] = [];
    for (const piece of pieces) rest.push(await this.#strip(piece));
    return rest.filter(({ length }) => length > 0);
  }

  /** Closes the file. */
  async close(): Promise<void> {
    await this.#logged.return();
  }

  async #strip(piece: Buffer): Promise<Buffer> {
    let rest = piece;
    while (rest.length > 0 && (await this.#hasChunk())) {
      const length = Math.min(rest.length, this.#chunk.length);
      this.#compare(rest.subarray(0, length), this.#chunk.subarray(0, length));
      rest = rest.subarray(length);
      this.#chunk = this.#chunk.subarray(length);
    }
    return rest;
  }

  async #hasChunk(): Promise<boolean> {
    if (this.#chunk.length > 0) return true;
    if (this.#isOver) return false;
    const { done, value } = await this.#logged.next();
    if (done === true) this.#isOver = true;
    else this.#chunk = value;
    return !this.#isOver;
  }

  #compare(one: Buffer, other: Buffer): void {
    if (!one.equals(other)) {
      throw new OutputMismatch(this.#comparedBytes + one.findIndex((byte, index) => byte !== other[index]));
    }
    this.#comparedBytes += one.length;
  }
}
