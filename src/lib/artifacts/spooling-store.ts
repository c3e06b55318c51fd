import type { FileHandle } from 'node:fs/promises';
import { open, rm } from 'node:fs/promises';
import { Readable, Writable } from 'node:stream';
import { appendAll } from '../util/append-all.js';
import { buffersPassed } from '../util/passing-buffers.js';
import { READ_NO_FOLLOW, readFile } from './file-source.js';

/** Content up to this size stays in memory; longer content is written to disk once. */
export const MEMORY_BYTES = 1024 * 1024;

const PIECE_BYTES = 1024 * 1024;
/** The size of each of two slabs: while one is written to disk, the other is filled. */
const SLAB_BYTES = 512 * 1024;
const ZEROS = Buffer.alloc(SLAB_BYTES);
/**
 * What stays in memory for a close follower, so that it does not wait for the disk: the most that may be unwritten,
 * which is the content kept in memory at first, plus one slab filled meanwhile.
 */
const RECENT_BYTES = MEMORY_BYTES + SLAB_BYTES;
/** How much input may wait for room in a slab before the source must pause. */
const MAX_QUEUED_BYTES = 256 * 1024;

interface Piece {
  /** Its position in the content. */
  readonly start: number;
  readonly bytes: Buffer;
}

/** A reused block of memory. */
class Slab {
  readonly #bytes = Buffer.allocUnsafeSlow(SLAB_BYTES);
  #filled = 0;

  get content(): Buffer {
    return this.#bytes.subarray(0, this.#filled);
  }

  /** Returns the part that did not fit. */
  fill(chunk: Buffer): Buffer {
    const copied = chunk.copy(this.#bytes, this.#filled);
    this.#filled += copied;
    return chunk.subarray(copied);
  }

  clear(): void {
    this.#filled = 0;
  }
}

/** Keeps what is written to it in memory, and in a file once it exceeds the limit. */
export class SpoolingStore extends Writable {
  readonly #path: string;
  /** The content while it is small. */
  #chunks: Buffer[] = [];
  #isSpooled = false;
  #file: FileHandle | undefined;
  #slabs: { filling: Slab; writing: Slab } | undefined;
  #spooling: Promise<void> | undefined;
  #spooledBytes = 0;
  /** Called when a slab has room again. */
  #onSlabFree: (() => void) | undefined;
  /** The last pieces. */
  #recent: Piece[] = [];
  #recentBytes = 0;
  readonly #waiting: (() => void)[] = [];
  length = 0;

  constructor(filePath: string) {
    super({ highWaterMark: MAX_QUEUED_BYTES });
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
   * Copies the chunk into a slab. Keeping the buffers until the disk has them costs more: V8 would promote them to the
   * old generation, and collect the whole heap to free them.
   */
  #fill(chunk: Buffer, callback: () => void): void {
    this.#slabs ??= { filling: new Slab(), writing: new Slab() };
    const rest = this.#slabs.filling.fill(chunk);
    this.#spooling ??= this.#spool();
    if (rest.length === 0) callback();
    else {
      this.#onSlabFree = () => {
        this.#fill(rest, callback);
      };
    }
  }

  /** Never fails: an error destroys the stream. */
  async #spool(): Promise<void> {
    this.#isSpooled = true;
    try {
      const file = (this.#file ??= await open(this.#path, 'wx', 0o600));
      await appendAll(file, this.#chunks.splice(0), (bytes) => (this.#spooledBytes += bytes));
      this.#wakeFollowers();
      for (let slab = this.#nextSlab(); slab && !this.destroyed; slab = this.#nextSlab()) {
        await this.#appendSlab(file, slab.content);
        slab.clear();
      }
    } catch (error) {
      this.destroy(error as Error);
    }
    this.#spooling = undefined;
  }

  /** Swaps the slabs and returns the filled one; undefined if nothing was filled. */
  #nextSlab(): Slab | undefined {
    if (!this.#slabs || this.#slabs.filling.content.length === 0) return undefined;
    const { filling, writing } = this.#slabs;
    this.#slabs = { filling: writing, writing: filling };
    const onSlabFree = this.#onSlabFree;
    this.#onSlabFree = undefined;
    onSlabFree?.();
    return filling;
  }

  /** Writes a slab. Zeros occupy no space: a task's sparse file, however long, stays sparse on the shared disk. */
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

  /** Closes the file, also one that is just being opened. */
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
   * Reads the content from its start while it is written: `length` bytes, too many for memory. Fails as writing does.
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

  /** Returns the content from `position` to the end of its piece, if it is among the last pieces. */
  #recentAt(position: number): Buffer | undefined {
    const piece = this.#recent.findLast(({ start }) => start <= position);
    return piece && position < piece.start + piece.bytes.length
      ? piece.bytes.subarray(position - piece.start)
      : undefined;
  }

  async #read(file: FileHandle, position: number, wanted: number): Promise<Buffer> {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(wanted), 0, wanted, position);
    buffersPassed(wanted);
    if (bytesRead === 0) throw new Error('a temporary file was truncated');
    return buffer.subarray(0, bytesRead);
  }

  /** Resolves when more is written or the end is reached. */
  async #more(): Promise<void> {
    if (this.errored) throw this.errored;
    if (this.destroyed || this.writableFinished) throw new Error('the content is shorter than announced');
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
