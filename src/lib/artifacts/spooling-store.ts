import type { FileHandle } from 'node:fs/promises';
import { open, rm } from 'node:fs/promises';
import { Writable } from 'node:stream';
import type { Readable } from 'node:stream';
import { readFile } from './file-source.js';

/** Content up to this size stays in memory; more of it is written to disk, once. */
const MEMORY_BYTES = 1024 * 1024;

/** Keeps what is written to it in memory, and from the first byte too many on in a file. */
export class SpoolingStore extends Writable {
  readonly #path: string;
  #chunks: Buffer[] = [];
  #file: FileHandle | undefined;
  #isSpooled = false;
  length = 0;

  constructor(filePath: string) {
    super({ highWaterMark: MEMORY_BYTES / 4 });
    this.#path = filePath;
  }

  override _write(chunk: Buffer, _encoding: string, callback: (error?: Error | null) => void): void {
    this.length += chunk.length;
    if (this.length <= MEMORY_BYTES) {
      this.#chunks.push(chunk);
      callback();
      return;
    }
    this.#spool(chunk).then(() => {
      callback();
    }, callback);
  }

  async #spool(chunk: Buffer): Promise<void> {
    if (!this.#file) {
      this.#isSpooled = true;
      this.#file = await open(this.#path, 'wx', 0o600);
    }
    const chunks = [...this.#chunks, chunk];
    this.#chunks = [];
    await this.#file.appendFile(chunks.length === 1 ? chunk : Buffer.concat(chunks));
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

  async #close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  body(): Buffer | Readable {
    return this.#isSpooled ? readFile({ filePath: this.#path }) : Buffer.concat(this.#chunks);
  }

  async dispose(): Promise<void> {
    await this.#close();
    this.#chunks = [];
    if (this.#isSpooled) await rm(this.#path, { force: true });
  }
}
