import type { FileHandle } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { Writable } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import type { TaskOutput } from '../outcome/task-output.js';
import { appendAll } from '../util/append-all.js';
import { errorMessage } from '../util/error-message.js';
import { buffersPassed } from '../util/passing-buffers.js';
import { BackgroundSync } from './background-sync.js';
import type { GrowingFile } from './follower.js';
import { FollowingReader, openForAppend } from './follower.js';
import { errorLine, workerLine } from './lines.js';

export interface TaskLogOptions {
  readonly path: string;
  readonly now: () => Date;
  /** The container's output is cut when the log would become longer. */
  readonly maxBytes?: number | undefined;
  /** Called once, when no more output is logged: for `maxBytes`, or because the file can't be written. */
  readonly onCut?: (() => void) | undefined;
}

type Written = () => void;

/** What a sink takes from the container before it makes it wait for the disk. */
const SINK_BYTES = 1024 * 1024;
/** A log beyond this is a long one. */
const LONG_BYTES = 1024 * 1024;
/**
 * The time between two writes of a long log. A terminal comes in pieces of a few hundred bytes: to write each by itself takes
 * longer than all else that is done with it.
 */
const GATHERING_MS = 4;

/**
 * The log of one run: one file with one writer and any number of readers, none of which can slow it down. Trouble with
 * the disk is kept in `failure`, and the container's output is dropped from there on.
 */
export class TaskLog implements TaskOutput, GrowingFile {
  readonly path: string;
  readonly #options: TaskLogOptions;
  readonly #file: FileHandle;
  readonly #writeBack: BackgroundSync;
  readonly #listeners = new Set<() => void>();
  #pending: { readonly buffers: readonly Buffer[]; readonly written: Written | undefined }[] = [];
  #writing: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  #isClosed = false;
  #size: number;
  /** Bytes in the file and on the way to it. */
  #accepted: number;
  #isCut = false;
  #failure: Error | undefined;
  #failureNotice: string | undefined;
  /** performance.now() after the last write. */
  #writtenAtMs = 0;

  private constructor(options: TaskLogOptions, file: FileHandle, size: number) {
    this.path = options.path;
    this.#options = options;
    this.#file = file;
    this.#writeBack = new BackgroundSync(file, (error) => {
      this.#failed(error);
    });
    this.#size = size;
    this.#accepted = size;
  }

  /** Opens the file, readable by this user only; one that exists is continued. Fails as the file system does. */
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

  /** The first error of writing the file; undefined: everything is there. */
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
    const notice = this.#failureNotice;
    this.#failureNotice = undefined;
    this.#append([Buffer.from((notice ?? '') + text)]);
  }

  /**
   * A stream for the container's output, written byte for byte; it takes no more than the disk does. Several may exist
   * one after another; ending one does not close the log.
   */
  sink(): Writable {
    return new Writable({
      highWaterMark: SINK_BYTES,
      decodeStrings: true,
      write: (chunk: Buffer, _encoding, callback) => {
        this.#appendOutput([chunk], callback);
      },
      writev: (chunks, callback) => {
        this.#appendOutput(
          chunks.map(({ chunk }) => chunk as Buffer),
          callback,
        );
      },
    });
  }

  /**
   * The log from byte `start` on, at the reader's own pace; it follows the run until the log is closed, or ends before
   * byte `end`. Destroy it when not read to its end.
   */
  read(start: number, options: { readonly end?: number } = {}): Readable {
    return new FollowingReader(this, start, options.end ?? Infinity);
  }

  onceChanged(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Writes what is pending and ends the readers after the last byte. Lines that come later are dropped. */
  close(): Promise<void> {
    this.#closing ??= this.#finish();
    return this.#closing;
  }

  async #finish(): Promise<void> {
    await this.#writing;
    await this.#writeBack.settled();
    try {
      await this.#file.close();
    } catch (error) {
      this.#failure ??= error as Error;
    }
    this.#isClosed = true;
    this.#changed();
  }

  #appendOutput(chunks: readonly Buffer[], callback: Written): void {
    if (this.#closing || this.#isCut) {
      callback();
      return;
    }
    const room = (this.#options.maxBytes ?? Infinity) - this.#accepted;
    if (bytesOf(chunks) <= room) {
      this.#append(chunks, callback);
      return;
    }
    this.#isCut = true;
    this.#append([Buffer.concat(chunks).subarray(0, Math.max(0, room))], callback);
    this.error(
      `The log has reached its limit of ${this.#options.maxBytes ?? 0} bytes; further output of the task is not logged.`,
    );
    this.#options.onCut?.();
  }

  /** They are not joined: the copies of a long log would be as much garbage again. */
  #append(buffers: readonly Buffer[], written?: Written): void {
    const bytes = bytesOf(buffers);
    this.#accepted += bytes;
    buffersPassed(bytes);
    this.#pending.push({ buffers, written });
    this.#writing ??= this.#writeAll();
  }

  /** The only writer. What comes while it writes, or soon after in a long log, goes into the next batch. */
  async #writeAll(): Promise<void> {
    while (this.#pending.length > 0) {
      if (this.#accepted > LONG_BYTES && !this.#closing) await this.#gather();
      const batch = this.#pending;
      this.#pending = [];
      await this.#writeBatch(batch.flatMap(({ buffers }) => buffers).filter(({ length }) => length > 0));
      this.#writtenAtMs = performance.now();
      for (const { written } of batch) written?.();
    }
    this.#writing = undefined;
  }

  async #gather(): Promise<void> {
    const restMs = this.#writtenAtMs + GATHERING_MS - performance.now();
    if (restMs > 0) await setTimeout(restMs);
  }

  async #writeBatch(buffers: readonly Buffer[]): Promise<void> {
    try {
      await appendAll(this.#file, buffers, (bytes) => {
        this.#size += bytes;
        this.#writeBack.written(bytes);
      });
    } catch (error) {
      this.#failed(error as Error);
    }
    this.#changed();
  }

  /** Lines of the worker are still tried, as the disk may have room again; output with a hole in it would mislead. */
  #failed(error: Error): void {
    this.#isCut = true;
    if (this.#failure) return;
    this.#failure = error;
    this.#failureNotice = errorLine(
      `The log could not be written (${errorMessage(error)}); output of the task is missing from here on.`,
    );
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
