import type { FileHandle } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { TaskOutput } from '../outcome/task-output.js';
import { appendAll } from '../util/append-all.js';
import { errorMessage } from '../util/error-message.js';
import { buffersPassed } from '../util/passing-buffers.js';
import type { GrowingFile } from './follower.js';
import { FollowingReader, openForAppend } from './follower.js';
import { errorLine, limitNotice, workerLine, writeFailureNotice } from './lines.js';
import { Pacer } from './pacer.js';

export interface TaskLogOptions {
  readonly path: string;
  readonly now: () => Date;
  /** The container's output is cut off at this size of the log. */
  readonly maxBytes?: number | undefined;
  /** Called once, when the log stops accepting output: at `maxBytes`, or because the file can't be written. */
  readonly onCut?: (() => void) | undefined;
}

/**
 * A long log is flushed to disk each time this much was written. Otherwise the kernel keeps some hundred MB in memory
 * until the engine unmounts an ended container's files: then it flushes everything for that disk, and only afterwards
 * does the engine report that the container has ended. Each flush also writes the file system's journal; at 16 MiB that
 * costs as much as flushing gains.
 */
const SYNC_BYTES = 64 * 1024 * 1024;

/**
 * The log of one run: one file with one writer and any number of readers, which cannot slow the writer down. The first
 * disk error is kept in `failure`; the container's output is dropped from then on.
 */
export class TaskLog implements TaskOutput, GrowingFile {
  readonly path: string;
  readonly #options: TaskLogOptions;
  readonly #file: FileHandle;
  readonly #listeners = new Set<() => void>();
  #pending: Buffer[] = [];
  #writing: Promise<void> | undefined;
  #unsyncedBytes = 0;
  #syncing: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  #isClosed = false;
  #size: number;
  /** Bytes in the file and pending. */
  #accepted: number;
  #isCut = false;
  #failure: Error | undefined;
  #failureNotice: string | undefined;

  private constructor(options: TaskLogOptions, file: FileHandle, size: number) {
    this.path = options.path;
    this.#options = options;
    this.#file = file;
    this.#size = size;
    this.#accepted = size;
  }

  /** Opens the file, readable by this user only; continues an existing file. Throws file system errors. */
  static async open(options: TaskLogOptions): Promise<TaskLog> {
    const file = await openForAppend(options.path);
    return new TaskLog(options, file, (await file.stat()).size);
  }

  /** Bytes that can be read from the file now. */
  get size(): number {
    return this.#size;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** The first error while writing the file; undefined if nothing is missing. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  line(text: string): void {
    this.write(workerLine(text, this.#options.now()));
  }

  error(text: string): void {
    this.write(errorLine(text));
  }

  write(text: string): void {
    if (this.#closing) return;
    const notice = this.#failureNotice ?? '';
    this.#failureNotice = undefined;
    void this.#append([Buffer.from(notice + text)]);
  }

  /**
   * Writes a container's output, byte for byte, until it ends. Throws the error of `output`. Reads no faster than the
   * disk can write.
   */
  async copy(output: Readable): Promise<void> {
    const pacer = new Pacer(output);
    for (;;) {
      const pieces = await pacer.turn();
      if (pieces.length === 0) return;
      await this.#appendOutput(pieces);
    }
  }

  /**
   * Returns the log from byte `start`, read at the reader's pace, until the log is closed or up to (not including) byte
   * `end`. Must be destroyed if it is not read to its end.
   */
  read(start: number, options: { readonly end?: number } = {}): Readable {
    return new FollowingReader(this, start, options.end ?? Infinity);
  }

  onceChanged(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Flushes pending writes and ends the readers after the last byte. Later lines are dropped. */
  close(): Promise<void> {
    this.#closing ??= this.#finish();
    return this.#closing;
  }

  async #finish(): Promise<void> {
    await this.#writing;
    await this.#syncing;
    try {
      await this.#file.close();
    } catch (error) {
      this.#failure ??= error as Error;
    }
    this.#isClosed = true;
    this.#changed();
  }

  async #appendOutput(pieces: readonly Buffer[]): Promise<void> {
    if (this.#closing || this.#isCut) return;
    const { maxBytes = Infinity } = this.#options;
    const room = maxBytes - this.#accepted;
    if (bytesOf(pieces) <= room) {
      await this.#append(pieces);
      return;
    }
    this.#isCut = true;
    void this.#append([Buffer.concat(pieces).subarray(0, Math.max(0, room))]);
    this.error(limitNotice(maxBytes));
    this.#options.onCut?.();
  }

  /** Resolves when all pending buffers are written. They are not joined: copies would double a long log's garbage. */
  #append(buffers: readonly Buffer[]): Promise<void> {
    const bytes = bytesOf(buffers);
    this.#accepted += bytes;
    buffersPassed(bytes);
    for (const buffer of buffers) this.#pending.push(buffer);
    return (this.#writing ??= this.#writePending());
  }

  /** The only writer: buffers that arrive while it writes go into the next batch. */
  async #writePending(): Promise<void> {
    while (this.#pending.length > 0) {
      const batch = this.#pending;
      this.#pending = [];
      try {
        await appendAll(this.#file, batch, (bytes) => {
          this.#written(bytes);
        });
      } catch (error) {
        this.#failed(error as Error);
      }
      this.#changed();
    }
    this.#writing = undefined;
  }

  #written(bytes: number): void {
    this.#size += bytes;
    this.#unsyncedBytes += bytes;
    if (this.#unsyncedBytes < SYNC_BYTES || this.#syncing) return;
    this.#unsyncedBytes = 0;
    this.#syncing = this.#sync();
  }

  async #sync(): Promise<void> {
    try {
      await this.#file.datasync();
    } catch (error) {
      this.#failed(error as Error);
    }
    this.#syncing = undefined;
  }

  /** The worker's own lines are still tried, as the disk may have space again; output with a gap would mislead. */
  #failed(error: Error): void {
    this.#isCut = true;
    if (this.#failure) return;
    this.#failure = error;
    this.#failureNotice = errorLine(writeFailureNotice(errorMessage(error)));
    this.#options.onCut?.();
  }

  #changed(): void {
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    for (const listener of listeners) listener();
  }
}

function bytesOf(buffers: readonly Buffer[]): number {
  return buffers.reduce((sum, { length }) => sum + length, 0);
}
