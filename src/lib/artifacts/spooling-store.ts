import type { FileHandle } from 'node:fs/promises';
import { open, rm } from 'node:fs/promises';
import { Readable, Writable } from 'node:stream';
import { appendAll } from '../util/append-all.js';
import { buffersPassed } from '../util/passing-buffers.js';
import { READ_NO_FOLLOW, readFile } from './file-source.js';

/** Content up to this size stays in memory; more of it is written to disk, once. */
export const MEMORY_BYTES = 1024 * 1024;

const PIECE_BYTES = 1024 * 1024;
/** Of each of two: while the disk takes what is in one, the other is filled. */
const SLAB_BYTES = 512 * 1024;
const ZEROS = Buffer.alloc(SLAB_BYTES);
/**
 * What stays in memory for whoever follows closely, so that nobody waits for the disk: the most that is not there yet, which
 * is what stayed in memory at first, with one slab filled while that is written.
 */
const RECENT_BYTES = MEMORY_BYTES + SLAB_BYTES;
/** What waits for room in a slab before the source has to. */
const AHEAD_BYTES = 256 * 1024;

interface Piece {
  /** Where in the content it begins. */
  readonly start: number;
  readonly bytes: Buffer;
}

/** Memory that is filled and emptied again and again. */
class Slab {
  readonly #bytes = Buffer.allocUnsafeSlow(SLAB_BYTES);
  #filled = 0;

  get content(): Buffer {
    return this.#bytes.subarray(0, this.#filled);
  }

  /** Returns what there was no room for. */
  fill(chunk: Buffer): Buffer {
    const copied = chunk.copy(this.#bytes, this.#filled);
    this.#filled += copied;
    return chunk.subarray(copied);
  }

  clear(): void {
    this.#filled = 0;
  }
}

/** Keeps what is written to it in memory, and from the first byte too many on in a file. */
export class SpoolingStore extends Writable {
  readonly #path: string;
  /** The content, as long as it is small. */
  #chunks: Buffer[] = [];
  #isSpooled = false;
  #file: FileHandle | undefined;
  #slabs: { filling: Slab; writing: Slab } | undefined;
  #spooling: Promise<void> | undefined;
  #spooledBytes = 0;
  /** Called when there is room in a slab again. */
  #whenRoom: (() => void) | undefined;
  /** What came last. */
  #recent: Piece[] = [];
  #recentBytes = 0;
  readonly #waiting: (() => void)[] = [];
  length = 0;

  constructor(filePath: string) {
    super({ highWaterMark: AHEAD_BYTES });
    this.#path = filePath;
    for (const end of ['finish', 'close']) {
      this.on(end, () => {
        this.#wakeFollowers();
      });
    }
  }

  override _write(chunk: Buffer, _encoding: string, callback: () => void): void {
    this.#remember({ start: this.length, bytes: chunk });
    this.length += chunk.length;
    if (this.length <= MEMORY_BYTES) {
      this.#chunks.push(chunk);
      callback();
      return;
    }
    this.#fill(chunk, callback);
  }

  /**
   * Copies it, which costs less than to keep so many buffers until the disk has taken them: by then V8 counts them among
   * what stays, and goes through all of the heap to find that it does not.
   */
  #fill(chunk: Buffer, callback: () => void): void {
    this.#slabs ??= { filling: new Slab(), writing: new Slab() };
    const rest = this.#slabs.filling.fill(chunk);
    this.#spooling ??= this.#spool();
    if (rest.length === 0) callback();
    else {
      this.#whenRoom = () => {
        this.#fill(rest, callback);
      };
    }
  }

  /** Never fails: an error is that of the stream. */
  async #spool(): Promise<void> {
    this.#isSpooled = true;
    try {
      const file = (this.#file ??= await open(this.#path, 'wx', 0o600));
      await this.#append(file, this.#chunks.splice(0));
      for (let slab = this.#nextSlab(); slab && !this.destroyed; slab = this.#nextSlab()) {
        await this.#appendSlab(file, slab.content);
        slab.clear();
      }
    } catch (error) {
      this.destroy(error as Error);
    }
    this.#spooling = undefined;
  }

  /** What was filled; from now on the other one is. Undefined: nothing was. */
  #nextSlab(): Slab | undefined {
    if (!this.#slabs || this.#slabs.filling.content.length === 0) return undefined;
    const { filling, writing } = this.#slabs;
    this.#slabs = { filling: writing, writing: filling };
    const whenRoom = this.#whenRoom;
    this.#whenRoom = undefined;
    whenRoom?.();
    return filling;
  }

  /** Zeros take no room: a sparse file of the task's, however long, stays sparse on the disk that other tasks need too. */
  async #appendSlab(file: FileHandle, content: Buffer): Promise<void> {
    if (content.equals(ZEROS.subarray(0, content.length))) {
      await file.truncate(this.#spooledBytes + content.length);
      this.#spooledBytes += content.length;
    } else {
      for (let rest = content; rest.length > 0;) {
        const { bytesWritten } = await file.write(rest, 0, rest.length, this.#spooledBytes);
        this.#spooledBytes += bytesWritten;
        rest = rest.subarray(bytesWritten);
      }
    }
    this.#wakeFollowers();
  }

  async #append(file: FileHandle, chunks: readonly Buffer[]): Promise<void> {
    await appendAll(file, chunks, (bytes) => (this.#spooledBytes += bytes));
    this.#wakeFollowers();
  }

  #remember(piece: Piece): void {
    this.#recent.push(piece);
    this.#recentBytes += piece.bytes.length;
    while (this.#recentBytes > RECENT_BYTES && this.#recent.length > 1) {
      this.#recentBytes -= this.#recent.shift()?.bytes.length ?? 0;
    }
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
    await this.#spooling;
    const file = this.#file;
    this.#file = undefined;
    this.#recent = [];
    this.#slabs = undefined;
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
        let piece = this.#recentAt(position);
        if (!piece) {
          const spooledBytes = Math.min(this.#spooledBytes, length) - position;
          if (spooledBytes <= 0) {
            await this.#more();
            continue;
          }
          file ??= await open(this.#path, READ_NO_FOLLOW);
          piece = await this.#read(file, position, Math.min(PIECE_BYTES, spooledBytes));
        }
        position += piece.length;
        yield position > length ? piece.subarray(0, length - position) : piece;
      }
    } finally {
      await file?.close();
    }
  }

  /** The content from `position` to the end of its piece, if that came last. */
  #recentAt(position: number): Buffer | undefined {
    const piece = this.#recent.findLast(({ start }) => start <= position);
    return piece && position < piece.start + piece.bytes.length
      ? piece.bytes.subarray(position - piece.start)
      : undefined;
  }

  async #read(file: FileHandle, position: number, wanted: number): Promise<Buffer> {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(wanted), 0, wanted, position);
    buffersPassed(wanted);
    if (bytesRead === 0) throw new Error('a temporary file has become shorter');
    return buffer.subarray(0, bytesRead);
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
