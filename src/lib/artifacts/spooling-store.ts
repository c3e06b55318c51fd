import type { FileHandle } from 'node:fs/promises';
import { open, rm } from 'node:fs/promises';
import { Readable, Writable } from 'node:stream';
import { appendAll } from '../util/append-all.js';
import { heapGrowth } from '../util/heap-growth.js';
import { READ_NO_FOLLOW, readFile } from './file-source.js';

/** Content up to this size stays in memory; more of it is written to disk, once. */
export const MEMORY_BYTES = 1024 * 1024;

const PIECE_BYTES = 1024 * 1024;

/** Bytes that are in the file and for a while in memory too. */
interface Batch {
  /** Where in the file they begin. */
  readonly start: number;
  readonly chunks: readonly Buffer[];
}

/** Keeps what is written to it in memory, and from the first byte too many on in a file. */
export class SpoolingStore extends Writable {
  readonly #path: string;
  #chunks: Buffer[] = [];
  #file: FileHandle | undefined;
  #isSpooled = false;
  #spooling: Promise<void> | undefined;
  #spooledBytes = 0;
  /** What was written last: whoever follows closely need not read it from the disk. */
  #latest: Batch | undefined;
  readonly #waiting: (() => void)[] = [];
  length = 0;

  constructor(filePath: string) {
    super({ highWaterMark: MEMORY_BYTES });
    this.#path = filePath;
    for (const end of ['finish', 'close']) {
      this.on(end, () => {
        this.#wakeFollowers();
      });
    }
  }

  override _write(chunk: Buffer, _encoding: string, callback: (error?: Error | null) => void): void {
    this.#take([chunk], callback);
  }

  /** All that came while the disk was busy: one large write takes it less time than many small ones. */
  override _writev(writes: { readonly chunk: Buffer }[], callback: (error?: Error | null) => void): void {
    this.#take(
      writes.map(({ chunk }) => chunk),
      callback,
    );
  }

  #take(chunks: readonly Buffer[], callback: (error?: Error | null) => void): void {
    this.#chunks.push(...chunks);
    for (const { length } of chunks) this.length += length;
    if (this.length <= MEMORY_BYTES) {
      callback();
      return;
    }
    this.#spooling = this.#spool();
    this.#spooling.then(() => {
      callback();
    }, callback);
  }

  async #spool(): Promise<void> {
    if (!this.#file) {
      this.#isSpooled = true;
      this.#file = await open(this.#path, 'wx', 0o600);
    }
    const chunks = this.#chunks;
    this.#chunks = [];
    const start = this.#spooledBytes;
    await appendAll(this.#file, chunks, (bytes) => (this.#spooledBytes += bytes));
    this.#latest = { start, chunks };
    this.#wakeFollowers();
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#close().then(() => {
      callback();
    }, callback);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#close().then(
      () => {
        callback(error);
      },
      (closeError: unknown) => {
        callback(error ?? (closeError as Error));
      },
    );
  }

  /** A file that is just being opened would be left behind otherwise. */
  async #close(): Promise<void> {
    await this.#spooling?.catch(() => undefined);
    const file = this.#file;
    this.#file = undefined;
    this.#latest = undefined;
    await file?.close();
  }

  body(): Buffer | Readable {
    return this.#isSpooled ? readFile({ filePath: this.#path }) : Buffer.concat(this.#chunks);
  }

  /**
   * The content from its beginning while it is still being written: `length` bytes, which have to be more than stay in
   * memory. Fails as the writing does.
   */
  follow(length: number): Readable {
    return Readable.from(this.#following(length), { objectMode: false });
  }

  async *#following(length: number): AsyncGenerator<Buffer> {
    let file: FileHandle | undefined;
    try {
      for (let position = 0; position < length;) {
        while (position === this.#spooledBytes) await this.#more();
        const latest = this.#latest;
        if (latest?.start === position) {
          for (const chunk of latest.chunks) {
            yield chunk.subarray(0, length - position);
            position += chunk.length;
          }
          continue;
        }
        file ??= await open(this.#path, READ_NO_FOLLOW);
        const wanted = Math.min(PIECE_BYTES, this.#spooledBytes - position, length - position);
        const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(wanted), 0, wanted, position);
        heapGrowth.buffersPassed(wanted);
        if (bytesRead === 0) throw new Error('a temporary file has become shorter');
        position += bytesRead;
        yield buffer.subarray(0, bytesRead);
      }
    } finally {
      await file?.close();
    }
  }

  /** Resolves when more was written, or when there will be no more. */
  async #more(): Promise<void> {
    if (this.errored) throw this.errored;
    if (this.destroyed || this.writableFinished) throw new Error('the content is shorter than was said');
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  #wakeFollowers(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  async dispose(): Promise<void> {
    await this.#close();
    this.#chunks = [];
    if (this.#isSpooled) await rm(this.#path, { force: true });
  }
}
