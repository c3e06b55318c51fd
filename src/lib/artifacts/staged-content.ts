import { createHash, randomUUID } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { open, rm } from 'node:fs/promises';
import path from 'node:path';
import { Readable, Transform, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';

/** Content up to this size stays in memory; more of it is written to disk, once. */
const MEMORY_BYTES = 1024 * 1024;

export type ContentEncoding = 'gzip' | 'identity';

/** An artifact's content as it will be stored: it can be sent any number of times until it is disposed. */
export interface StagedContent {
  /** Of the content before compression, in hex. */
  readonly sha256: string;
  /** Bytes as stored. */
  readonly length: number;
  /** A Buffer when it is small. */
  body(): Buffer | Readable;
  /** Deletes the temporary file, if there is one; harmless twice. */
  dispose(): Promise<void>;
}

/** A file that nobody changes while it is staged or sent; links are refused. */
export interface FileSource {
  readonly filePath: string;
}

/**
 * Hashes, compresses and keeps what `source` gives. Uncompressed files are not copied. Fails with the source's error,
 * the disk's, or the signal's reason; nothing is left behind then.
 */
export async function stageContent(
  source: Readable | FileSource,
  encoding: ContentEncoding,
  tempDir: string,
  signal: AbortSignal,
): Promise<StagedContent> {
  try {
    if (source instanceof Readable) return await stageStream(source, encoding, tempDir, signal);
    if (encoding === 'identity') return await stageFile(source, signal);
    return await stageStream(readFile(source), encoding, tempDir, signal);
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}

async function stageStream(
  source: Readable,
  encoding: ContentEncoding,
  tempDir: string,
  signal: AbortSignal,
): Promise<StagedContent> {
  const hash = new HashingTap();
  const store = new SpoolingStore(path.join(tempDir, `artifact-${randomUUID()}`));
  try {
    if (encoding === 'gzip') await pipeline(source, hash, createGzip(), store, { signal });
    else await pipeline(source, hash, store, { signal });
  } catch (error) {
    await store.dispose();
    throw error;
  }
  return {
    sha256: hash.digest(),
    length: store.length,
    body: () => store.body(),
    dispose: () => store.dispose(),
  };
}

async function stageFile(source: FileSource, signal: AbortSignal): Promise<StagedContent> {
  const hash = new HashingTap();
  await pipeline(
    readFile(source),
    hash,
    new Writable({
      write: (_chunk, _encoding, callback) => {
        callback();
      },
    }),
    { signal },
  );
  const { length } = hash;
  return { sha256: hash.digest(), length, body: () => readFile(source, length), dispose: () => Promise.resolve() };
}

function readFile({ filePath }: FileSource, length?: number): Readable {
  if (length === 0) return Readable.from([]);
  const range = length === undefined ? {} : { start: 0, end: length - 1 };
  // createReadStream's types do not say it, but flags may be a number as everywhere in node:fs.
  const flags = (constants.O_RDONLY | constants.O_NOFOLLOW) as unknown as string;
  return createReadStream(filePath, { flags, ...range });
}

class HashingTap extends Transform {
  readonly #hash = createHash('sha256');
  length = 0;

  override _transform(chunk: Buffer, _encoding: string, callback: (error: null, chunk: Buffer) => void): void {
    this.#hash.update(chunk);
    this.length += chunk.length;
    callback(null, chunk);
  }

  digest(): string {
    return this.#hash.digest('hex');
  }
}

/** Keeps what is written to it in memory, and from the first byte too many on in a file. */
class SpoolingStore extends Writable {
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
