import { Transform } from 'node:stream';
import type { TransformCallback } from 'node:stream';

/** What one read of a socket gives at most. */
const FULL_READ_BYTES = 64 * 1024;
/** Output beyond this is long. */
const LONG_BYTES = 1024 * 1024;
const REST_MS = 2;

/**
 * Hands on all it is given. Once that is long, it rests after each piece that left nothing behind in the connection: what
 * comes meanwhile waits there and is read at once. A terminal comes in pieces of a few hundred bytes, and to read each of
 * them by itself takes the processor from the task that prints.
 */
export class InGulps extends Transform {
  #bytes = 0;
  #rest: NodeJS.Timeout | undefined;

  constructor() {
    // Whoever writes has to wait for the rest to be over.
    super({ writableHighWaterMark: 1 });
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
    this.#bytes += chunk.length;
    if (this.#bytes <= LONG_BYTES || chunk.length >= FULL_READ_BYTES) {
      callback(null, chunk);
      return;
    }
    this.push(chunk);
    this.#rest = setTimeout(callback, REST_MS);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    clearTimeout(this.#rest);
    callback(error);
  }
}
