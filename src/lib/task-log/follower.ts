import type { FileHandle } from 'node:fs/promises';
import { constants, open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { buffersPassed } from '../util/passing-buffers.js';

const READ_BYTES = 64 * 1024;

/** Opens a file that only this user may read, for appending. Continues an existing file; throws for a symlink. */
export async function openForAppend(path: string): Promise<FileHandle> {
  const { O_WRONLY, O_CREAT, O_APPEND, O_NOFOLLOW } = constants;
  return open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0o600);
}

/** A file that grows until it is closed. */
export interface GrowingFile {
  readonly path: string;
  /** Bytes that can be read now. */
  readonly size: number;
  /** Whether the file is complete. */
  readonly isClosed: boolean;
  /** Calls `listener` once, when `size` or `isClosed` has changed. Returns a function that cancels this. */
  onceChanged(listener: () => void): () => void;
}

/**
 * Reads a growing file from byte `start` up to (not including) byte `end`, or until it is closed. Uses its own file
 * descriptor and reads only what its consumer takes.
 */
export class FollowingReader extends Readable {
  readonly #file: GrowingFile;
  readonly #end: number;
  #position: number;
  #handle: FileHandle | undefined;
  #stopWaiting: (() => void) | undefined;

  constructor(file: GrowingFile, start: number, end: number) {
    super({ highWaterMark: READ_BYTES });
    this.#file = file;
    this.#position = start;
    this.#end = end;
  }

  override _construct(callback: (error?: Error | null) => void): void {
    open(this.#file.path, constants.O_RDONLY | constants.O_NOFOLLOW).then((handle) => {
      this.#handle = handle;
      callback();
    }, callback);
  }

  override _read(): void {
    const { size, isClosed } = this.#file;
    const available = Math.min(size, this.#end) - this.#position;
    if (available > 0) {
      void this.#readSome(Math.min(available, READ_BYTES));
    } else if (isClosed || this.#position >= this.#end) {
      this.push(null);
    } else {
      this.#stopWaiting = this.#file.onceChanged(() => {
        this._read();
      });
    }
  }

  async #readSome(length: number): Promise<void> {
    try {
      const buffer = Buffer.allocUnsafe(length);
      buffersPassed(length);
      const bytesRead = (await this.#handle?.read(buffer, 0, length, this.#position))?.bytesRead ?? 0;
      if (bytesRead === 0) throw new Error(`the log file ends at byte ${this.#position}: another process truncated it`);
      this.#position += bytesRead;
      this.push(buffer.subarray(0, bytesRead));
    } catch (error) {
      this.destroy(error as Error);
    }
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#stopWaiting?.();
    if (!this.#handle) {
      callback(error);
      return;
    }
    this.#handle.close().then(
      () => {
        callback(error);
      },
      (closeError: unknown) => {
        callback(error ?? (closeError as Error));
      },
    );
  }
}
