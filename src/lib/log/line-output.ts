import { constants, fstatSync, openSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';

export interface LineOutputOptions {
  /** Receives the remaining and all later lines once the reader has closed this output. */
  readonly fallback?: { writeMessage(line: string): void };
  /** Lines are dropped while more bytes than this wait for the reader. Default: 1 MiB. */
  readonly waitingBytesLimit?: number;
}

const WAITING_BYTES_LIMIT = 1024 * 1024;
const RETRY_MS = 20;
const FLUSH_RETRY_MS = 5;
// EIO: the terminal is gone. EBADF: the descriptor was closed before the worker started.
const CLOSED = new Set(['EPIPE', 'EIO', 'ECONNRESET', 'EBADF']);

/**
 * Writes lines to a file descriptor without ever waiting for its reader. Each line is written at once if there is room,
 * so that a process that dies loses nothing. Otherwise a limited amount waits, and further lines are dropped and
 * counted until all of it is written.
 */
export class LineOutput {
  readonly #descriptor: number;
  readonly #fallback: LineOutputOptions['fallback'];
  readonly #waitingBytesLimit: number;
  readonly #waiting: Buffer[] = [];
  #waitingBytes = 0;
  /** How many bytes of the first waiting line are written. */
  #writtenBytes = 0;
  #droppedLines = 0;
  #unreportedLines = 0;
  #isClosed = false;
  #onDropped: (lines: number) => void = () => undefined;
  #onClosed: () => void = () => undefined;
  #retryTimer: NodeJS.Timeout | undefined;

  constructor(descriptor: number, options: LineOutputOptions = {}) {
    this.#descriptor = nonBlocking(descriptor);
    this.#fallback = options.fallback;
    this.#waitingBytesLimit = options.waitingBytesLimit ?? WAITING_BYTES_LIMIT;
  }

  /** The number of lines dropped since the start because the reader was too slow or gone. */
  get droppedLines(): number {
    return this.#droppedLines;
  }

  /** Writes a line of a log, which is dropped if the reader is too far behind. */
  write(line: string): void {
    // Once one line is dropped, all are until the rest is written, so that the gap is where `onDropped` reports it.
    if (this.#unreportedLines > 0 || this.#waitingBytes > this.#waitingBytesLimit) this.#drop();
    else this.#accept(Buffer.from(line));
  }

  /** Writes one of the few lines that programs depend on: these have separate room, as much as the log's lines. */
  writeMessage(line: string): void {
    if (this.#waitingBytes > 2 * this.#waitingBytesLimit) this.#drop();
    else this.#accept(Buffer.from(line));
  }

  /** Calls `listener` with the number of dropped lines as soon as the reader has caught up. It may write. */
  onDropped(listener: (lines: number) => void): void {
    this.#onDropped = listener;
  }

  /** Calls `listener` once when the reader has closed this output; at once if it already has. */
  onClosed(listener: () => void): void {
    if (this.#isClosed) listener();
    else this.#onClosed = listener;
  }

  /** Blocks until everything is written or `timeoutMs` have passed; for a process that is about to exit. */
  flush(timeoutMs: number): void {
    const end = performance.now() + timeoutMs;
    this.#writeWaiting();
    while (this.#waiting.length > 0 && performance.now() < end) {
      sleep(FLUSH_RETRY_MS);
      this.#writeWaiting();
    }
  }

  #accept(bytes: Buffer): void {
    if (this.#isClosed) {
      this.#passOn(bytes);
      return;
    }
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (this.#retryTimer === undefined) this.#writeWaiting();
  }

  #drop(): void {
    this.#droppedLines += 1;
    this.#unreportedLines += 1;
  }

  #writeWaiting(): void {
    clearTimeout(this.#retryTimer);
    this.#retryTimer = undefined;
    for (let bytes = this.#waiting[0]; bytes; bytes = this.#waiting[0]) {
      const written = this.#tryToWrite(bytes);
      if (written === 'closed') {
        this.#close();
        return;
      }
      this.#waitingBytes -= written;
      this.#writtenBytes += written;
      if (this.#writtenBytes < bytes.length) {
        this.#retryLater();
        return;
      }
      this.#writtenBytes = 0;
      this.#waiting.shift();
    }
    this.#reportDropped();
  }

  #tryToWrite(bytes: Buffer): number | 'closed' {
    try {
      return writeSync(this.#descriptor, bytes, this.#writtenBytes);
    } catch (error) {
      // Any other error may be temporary: a full pipe or disk can have room again.
      return CLOSED.has((error as NodeJS.ErrnoException).code ?? '') ? 'closed' : 0;
    }
  }

  #retryLater(): void {
    this.#retryTimer = setTimeout(() => {
      this.#writeWaiting();
    }, RETRY_MS).unref();
  }

  #reportDropped(): void {
    const lines = this.#unreportedLines;
    this.#unreportedLines = 0;
    if (lines > 0) this.#onDropped(lines);
  }

  /** Marks the output as closed. The fallback gets whole lines. */
  #close(): void {
    this.#isClosed = true;
    this.#waitingBytes = 0;
    for (const bytes of this.#waiting.splice(0)) this.#passOn(bytes);
    this.#reportDropped();
    this.#onClosed();
  }

  #passOn(bytes: Buffer): void {
    if (this.#fallback) this.#fallback.writeMessage(bytes.toString());
    else this.#droppedLines += 1;
  }
}

/**
 * Returns a descriptor for the same pipe, socket or terminal that fails with EAGAIN when there is no room. Reopening
 * does not change the original, which may be shared; sockets, and pipes of another user, can't be reopened.
 */
function nonBlocking(descriptor: number): number {
  try {
    // A file has no reader to wait for, and if reopened it would be written from its beginning.
    if (fstatSync(descriptor).isFile()) return descriptor;
    const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants;
    return openSync(`/proc/self/fd/${descriptor}`, O_WRONLY | O_NONBLOCK | O_NOCTTY);
  } catch {
    return withNonBlockingHandle(descriptor);
  }
}

/** Makes Node set O_NONBLOCK, as it does for sockets; a terminal of another user stays blocking. */
function withNonBlockingHandle(descriptor: number): number {
  try {
    new Socket({ fd: descriptor, readable: false, writable: true }).unref();
  } catch {
    // It is closed, or a terminal: the first write will show that.
  }
  return descriptor;
}

function sleep(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}
