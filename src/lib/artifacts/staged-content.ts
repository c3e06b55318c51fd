import { createHash, hash, randomUUID } from 'node:crypto';
import path from 'node:path';
import { Readable, Transform } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { buffersPassed } from '../util/passing-buffers.js';
import type { ContentEncoding } from './adaptive-gzip.js';
import { AdaptiveGzip, SAMPLE_BYTES, encodingFor, gzipWhole } from './adaptive-gzip.js';
import type { FileSource } from './file-source.js';
import { readFile, sizeOf } from './file-source.js';
import { MEMORY_BYTES, SpoolingStore } from './spooling-store.js';

/** `auto`: compressed unless that hardly makes the content smaller. */
export type WantedEncoding = ContentEncoding | 'auto';

/** Uncompressed content. */
export type ContentSource = Readable | SizedStream | FileSource | Buffer;

/** A stream whose length in bytes is known in advance. */
export interface SizedStream {
  readonly stream: Readable;
  readonly size: number;
  /** Called once all of it was read; rejects if it is not the requested content. */
  readonly afterEnd?: () => Promise<void>;
}

export interface StagingOptions {
  readonly encoding: WantedEncoding;
  /** Whether to compute the sha256: for uncompressed content that takes a sixth of the total time. */
  readonly hashed: boolean;
  /** The directory for temporary files. */
  readonly tempDir: string;
  /** Larger content that is not compressed and has a known size can be sent before its source is read to the end. */
  readonly maxStagedBytes: number;
}

/** An artifact's content as stored: can be sent repeatedly until disposed of, even while its source is read. */
export interface StagedContent {
  /** The hash before compression, in hex; undefined if not requested. Rejects as the source does. */
  readonly sha256: Promise<string | undefined>;
  /** Why its source could not be read to the end. */
  readonly failure?: Error | null;
  readonly contentEncoding: ContentEncoding;
  /** Bytes as stored. */
  readonly length: number;
  /** Bytes before compression. */
  readonly size: number;
  /** Returns a Buffer if it is small. */
  body(): Buffer | Readable;
  /** Deletes the temporary file, if any; harmless twice. */
  dispose(): Promise<void>;
}

/**
 * Hashes, compresses and keeps what `source` yields; long uncompressed content of a known size can be sent at once.
 * Uncompressed files are not copied. On failure (the source's, the disk's, or an abort) nothing is left behind.
 */
export async function stageContent(
  source: ContentSource,
  options: StagingOptions,
  signal: AbortSignal,
): Promise<StagedContent> {
  const { encoding } = options;
  try {
    if (Buffer.isBuffer(source)) return await stageBuffer(source, options);
    if (source instanceof Readable) return await stageStream({ stream: source }, options, signal);
    if ('stream' in source) return await stageStream(source, options, signal);
    const chosen = encoding === 'auto' ? await encodingFor(await buffer(readFile(source, SAMPLE_BYTES))) : encoding;
    if (chosen === 'identity') return await stageFile(source, options, signal);
    return await stageStream({ stream: readFile(source) }, { ...options, encoding: chosen }, signal);
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}

async function stageBuffer(source: Buffer, { encoding, hashed }: StagingOptions): Promise<StagedContent> {
  const contentEncoding = encoding === 'auto' ? await encodingFor(source) : encoding;
  const stored = contentEncoding === 'gzip' ? await gzipWhole(source) : source;
  return {
    sha256: Promise.resolve(hashed ? hash('sha256', source) : undefined),
    contentEncoding,
    length: stored.length,
    size: source.length,
    body: () => stored,
    dispose: () => Promise.resolve(),
  };
}

async function stageStream(
  { stream, size = 0, afterEnd }: Partial<SizedStream> & Pick<SizedStream, 'stream'>,
  { encoding, hashed, tempDir, maxStagedBytes }: StagingOptions,
  signal: AbortSignal,
): Promise<StagedContent> {
  const taps = hashed ? [new HashingTap()] : [];
  const store = new SpoolingStore(path.join(tempDir, `artifact-${randomUUID()}`));
  const adaptive = new AdaptiveGzip();
  const coders = encoding === 'auto' ? [adaptive] : encoding === 'gzip' ? [createGzip()] : [];
  let bytesRead = 0;
  // Counted beside the pipeline: one more stage would cost more for each piece.
  stream.on('data', ({ length }: Buffer) => {
    bytesRead += length;
    buffersPassed(length);
  });
  const sha256 = pipeline([stream, ...taps, ...coders, store], { signal }).then(async () => {
    await afterEnd?.();
    return taps[0]?.digest();
  });
  const chosen = encoding === 'auto' ? adaptive.chosen : Promise.resolve(encoding);
  try {
    const first = await Promise.race([sha256, chosen]);
    if (first === 'identity' && size > Math.max(maxStagedBytes, MEMORY_BYTES))
      return streamedContent(sha256, store, size);
    await sha256;
  } catch (error) {
    await store.dispose();
    throw error;
  }
  return {
    sha256,
    contentEncoding: encoding === 'auto' ? adaptive.contentEncoding : encoding,
    length: store.length,
    size: bytesRead,
    body: () => store.body(),
    dispose: () => store.dispose(),
  };
}

/** Returns content that can be sent, repeatedly, while it is written to `store`. */
function streamedContent(sha256: Promise<string | undefined>, store: SpoolingStore, length: number): StagedContent {
  // The sender gets this failure too.
  sha256.catch(() => undefined);
  return {
    sha256,
    get failure() {
      return store.errored;
    },
    contentEncoding: 'identity',
    length,
    size: length,
    body: () => store.follow(length),
    dispose: async () => {
      store.destroy();
      await sha256.catch(() => undefined);
      await store.dispose();
    },
  };
}

async function stageFile(source: FileSource, { hashed }: StagingOptions, signal: AbortSignal): Promise<StagedContent> {
  const length = await sizeOf(source);
  return {
    sha256: Promise.resolve(hashed ? await hashOf(readFile(source, length), signal) : undefined),
    contentEncoding: 'identity',
    length,
    size: length,
    body: () => readFile(source, length),
    dispose: () => Promise.resolve(),
  };
}

async function hashOf(content: Readable, signal: AbortSignal): Promise<string> {
  const hashing = createHash('sha256');
  for await (const chunk of content) {
    signal.throwIfAborted();
    hashing.update(chunk as Buffer);
  }
  return hashing.digest('hex');
}

class HashingTap extends Transform {
  readonly #hash = createHash('sha256');

  override _transform(chunk: Buffer, _encoding: string, callback: (error: null, chunk: Buffer) => void): void {
    this.#hash.update(chunk);
    callback(null, chunk);
  }

  digest(): string {
    return this.#hash.digest('hex');
  }
}
