import type { FileHandle } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { TaskOutput } from '../outcome/task-output.js';
import { appendAll } from '../util/append-all.js';
import { errorMessage } from '../util/error-message.js';
import { buffersPassed } from '../util/passing-buffers.js';
import type { GrowingFile } from './follower.js';
import { FollowingReader, openForAppend } from './follower.js';
import { isBreak, splitAfterBreak } from './line-break.js';
import type { BrokenPieces } from './line-break.js';
import { errorLine, limitNotice, workerLine, writeFailureNotice } from './lines.js';
import { LoggedPrefix, byteAt, readSpans, textAt } from './logged-output.js';
import { OutputMap } from './output-map.js';
import { OutputNotes } from './output-notes.js';
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
/** More than the worker's lines between the output and the line that ends it. */
const AFTER_OUTPUT_BYTES = 4096;

export interface ResumeResult {
  /** Bytes of output that the stream had. */
  readonly seenBytes: number;
  /** Whether the log had more bytes of output than that before. */
  readonly isShort: boolean;
}

/**
 * The log of one run: one file with one writer and any number of readers, which cannot slow the writer down. The first
 * disk error is kept in `failure`; the container's output is dropped from then on.
 *
 * From `beginOutput` on, a second file (`<path>.own`) tells the worker's own lines from the container's output. Each
 * such line is entered there before it is written to the log, so that after a crash at any moment another worker can
 * open the log, compare the output in it with what the engine kept, and `resume`.
 */
export class TaskLog implements TaskOutput, GrowingFile {
  readonly path: string;
  readonly #options: TaskLogOptions;
  readonly #file: FileHandle;
  readonly #listeners = new Set<() => void>();
  readonly #notes: OutputNotes;
  readonly #output: OutputMap;
  #pending: Buffer[] = [];
  /** Entries for `#notes`, which must be written before `#pending`. */
  #pendingNotes = '';
  #isInOutput: boolean;
  #writing: Promise<void> | undefined;
  #unsyncedBytes = 0;
  #syncing: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  #isClosed = false;
  #size: number;
  /** Bytes in the file and pending. */
  #accepted: number;
  #isCut: boolean;
  #isCutReported = false;
  #failure: Error | undefined;
  #failureNotice: string | undefined;
  /** Whether the output is empty so far, ends with a line feed, or is over. */
  #isAtBreak = true;
  /** Lines of the worker that wait for the next line break of the output. */
  #waiting = '';

  private constructor(options: TaskLogOptions, file: FileHandle, size: number, notes: OutputNotes, output?: OutputMap) {
    this.path = options.path;
    this.#options = options;
    this.#file = file;
    this.#size = size;
    this.#accepted = size;
    this.#notes = notes;
    this.#output = output ?? new OutputMap();
    this.#isCut = this.#output.isCut;
    this.#isInOutput = this.#output.isOpen;
  }

  /**
   * Opens the file, readable by this user only; continues an existing file, also one that a worker left when it died.
   * Throws file system errors.
   */
  static async open(options: TaskLogOptions): Promise<TaskLog> {
    const file = await openForAppend(options.path);
    try {
      const { size } = await file.stat();
      const notes = new OutputNotes(options.path);
      const output = await notes.load(size);
      const log = new TaskLog(options, file, size, notes, output);
      if (output) await log.#mend();
      return log;
    } catch (error) {
      await file.close();
      throw error;
    }
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
    const content = Buffer.from(notice + text);
    if (this.#output.isOpen) this.#pendingNotes += this.#output.own(this.#accepted, content.length);
    void this.#append([content]);
  }

  /**
   * Writes a line between two lines of the output: at once if the output so far ends with a line feed, else after the
   * next one, or when the output ends. Its time is that of the call.
   */
  lineAtBreak(text: string): void {
    this.#waiting += workerLine(text, this.#options.now());
    if (this.#isAtBreak || !this.#output.isOpen) this.#writeWaiting();
  }

  /** Whether `beginOutput` was called, by this worker or by one that died since. */
  get hasOutputBegun(): boolean {
    return this.#output.hasBegun;
  }

  /** Whether the log is between `beginOutput` and `endOutput`; false once a previous worker has dropped output. */
  get isInOutput(): boolean {
    return this.#isInOutput;
  }

  /** Bytes of the container's output in the log since `beginOutput`. */
  get outputBytes(): number {
    return this.#output.outputBytes(this.#accepted);
  }

  /** The container's output begins here. Must be called before the container is started. */
  beginOutput(): void {
    this.#note(this.#output.begin(this.#accepted));
    this.#isAtBreak = true;
    this.#isInOutput = true;
  }

  /** The container's output ends here, unless `resume` finds more. */
  endOutput(): void {
    if (this.#output.isOpen) this.#note(this.#output.end(this.#accepted));
    this.#writeWaiting();
    this.#isAtBreak = true;
    this.#isInOutput = false;
  }

  /** Returns whether `text` follows the output closely: a worker that died may not have written it. */
  async isAfterOutput(text: string): Promise<boolean> {
    await this.#writing;
    const end = this.#output.outputEnd(this.#size);
    return (await textAt(this.path, end, AFTER_OUTPUT_BYTES)).includes(text);
  }

  /** Reads the container's output, as far as it is in the file now, without the worker's own lines. */
  readOutput(): AsyncGenerator<Buffer, void> {
    return readSpans(this.path, this.#output.outputSpans(this.#size));
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
   * Like `copy`, for the container's whole output from its first byte: compares it with the output in the log, and
   * writes what the log lacks. At the first byte that differs it destroys `output`, writes nothing, and throws an
   * OutputMismatch. May be called again, with the output from its first byte again, but not during another `resume` or
   * `copy`. Calls `onCut` if a previous worker dropped output; then it only compares.
   */
  async resume(output: Readable): Promise<ResumeResult> {
    // The note is written before the first output, so the log has none.
    if (!this.hasOutputBegun) this.beginOutput();
    const pacer = new Pacer(output);
    await this.#writing;
    if (this.#isCut) this.#reportCut();
    const knownBytes = this.outputBytes;
    const logged = new LoggedPrefix(this.readOutput());
    try {
      for (let seenBytes = 0; ;) {
        const pieces = await pacer.turn();
        if (pieces.length === 0) return { seenBytes, isShort: seenBytes < knownBytes };
        seenBytes += bytesOf(pieces);
        const rest = await logged.strip(pieces);
        if (rest.length > 0) await this.#appendOutput(rest);
      }
    } finally {
      output.destroy();
      await logged.close();
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
    this.#writeWaiting();
    this.#closing ??= this.#finish();
    return this.#closing;
  }

  async #finish(): Promise<void> {
    await this.#writing;
    await this.#syncing;
    // A failed flush has to be noted.
    await this.#writing;
    try {
      await this.#file.close();
    } catch (error) {
      this.#failure ??= error as Error;
    }
    this.#isClosed = true;
    this.#changed();
  }

  /** Completes the worker's own line that a previous worker was writing when it died. */
  async #mend(): Promise<void> {
    const last = this.#size - 1;
    const lastOfOutput = (this.#output.outputSpans(this.#size).at(-1)?.end ?? 0) - 1;
    this.#isAtBreak = this.#output.isOver || isBreak(await byteAt(this.path, lastOfOutput));
    if (this.#output.isOwn(last) && !isBreak(await byteAt(this.path, last))) this.write('\n');
  }

  #appendOutput(pieces: readonly Buffer[]): Promise<void> {
    const parts = this.#waiting === '' ? undefined : splitAfterBreak(pieces);
    return parts ? this.#appendAroundWaiting(parts) : this.#appendUpToLimit(pieces);
  }

  async #appendAroundWaiting({ head, tail }: BrokenPieces): Promise<void> {
    await this.#appendUpToLimit(head);
    this.#writeWaiting();
    if (tail.length > 0) await this.#appendUpToLimit(tail);
  }

  async #appendUpToLimit(pieces: readonly Buffer[]): Promise<void> {
    if (this.#closing || this.#isCut) return;
    if (this.#output.isOver) {
      this.#note(this.#output.reopen(this.#accepted));
      this.#isInOutput = true;
    }
    const { maxBytes = Infinity } = this.#options;
    const room = maxBytes - this.#accepted;
    if (bytesOf(pieces) <= room) {
      this.#isAtBreak = isBreak(pieces.findLast(({ length }) => length > 0)?.at(-1));
      await this.#append(pieces);
      return;
    }
    this.#isCut = true;
    void this.#append([Buffer.concat(pieces).subarray(0, Math.max(0, room))]);
    this.#note(this.#output.cut(this.#accepted));
    this.error(limitNotice(maxBytes));
    this.#isAtBreak = true;
    this.#writeWaiting();
    this.#reportCut();
  }

  #reportCut(): void {
    if (this.#isCutReported) return;
    this.#isCutReported = true;
    this.#options.onCut?.();
  }

  #writeWaiting(): void {
    const lines = this.#waiting;
    this.#waiting = '';
    if (lines !== '') this.write((this.#isAtBreak ? '' : '\n') + lines);
  }

  #note(entry: string): void {
    this.#pendingNotes += entry;
    if (entry !== '') this.#writing ??= this.#writePending();
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
    while (this.#pending.length > 0 || this.#pendingNotes !== '') {
      const batch = this.#pending;
      const notes = this.#pendingNotes;
      this.#pending = [];
      this.#pendingNotes = '';
      try {
        if (notes !== '') await this.#notes.add(notes);
        await appendAll(this.#file, batch, (bytes) => {
          this.#written(bytes);
        });
      } catch (error) {
        // What is pending moves up to the end of the file, so it is not where it was noted. All notes are written again.
        this.#output.cut(this.#size);
        this.#pendingNotes = this.#output.toString();
        this.#accepted = this.#size + bytesOf(this.#pending);
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
    this.#note(this.#output.cut(this.#accepted));
    if (this.#failure) return;
    this.#failure = error;
    this.#failureNotice = errorLine(writeFailureNotice(errorMessage(error)));
    this.#reportCut();
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
