import { createHash, randomUUID } from 'node:crypto';
import path from 'node:path';
import { Readable, Transform, Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { ContentEncoding } from './adaptive-gzip.js';
import { AdaptiveGzip, SAMPLE_BYTES, encodingFor, gzipWhole } from './adaptive-gzip.js';
import type { FileSource } from './file-source.js';
import { readFile } from './file-source.js';
import { SpoolingStore } from './spooling-store.js';

/** `auto`: compressed unless the content hardly becomes smaller by that. */
export type WantedEncoding = ContentEncoding | 'auto';

/** Uncompressed. */
export type ContentSource = Readable | FileSource | Buffer;

/** An artifact's content as it will be stored: it can be sent any number of times until it is disposed. */
export interface StagedContent {
  /** Of the content before compression, in hex. */
  readonly sha256: string;
  readonly contentEncoding: ContentEncoding;
  /** Bytes as stored. */
  readonly length: number;
  /** A Buffer when it is small. */
  body(): Buffer | Readable;
  /** Deletes the temporary file, if there is one; harmless twice. */
  dispose(): Promise<void>;
}

/**
 * Hashes, compresses and keeps what `source` gives. Uncompressed files are not copied. Fails with the source's error,
 * the disk's, or the signal's reason; nothing is left behind then.
 */
export async function stageContent(
  source: ContentSource,
  encoding: WantedEncoding,
  tempDir: string,
  signal: AbortSignal,
): Promise<StagedContent> {
  try {
    if (Buffer.isBuffer(source)) return await stageBuffer(source, encoding);
    if (source instanceof Readable) return await stageStream(source, encoding, tempDir, signal);
    const chosen = encoding === 'auto' ? await encodingFor(await buffer(readFile(source, SAMPLE_BYTES))) : encoding;
    if (chosen === 'identity') return await stageFile(source, signal);
    return await stageStream(readFile(source), chosen, tempDir, signal);
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}

async function stageBuffer(source: Buffer, encoding: WantedEncoding): Promise<StagedContent> {
  const contentEncoding = encoding === 'auto' ? await encodingFor(source) : encoding;
  const stored = contentEncoding === 'gzip' ? await gzipWhole(source) : source;
  return {
    sha256: createHash('sha256').update(source).digest('hex'),
    contentEncoding,
    length: stored.length,
    body: () => stored,
    dispose: () => Promise.resolve(),
  };
}

async function stageStream(
  source: Readable,
  encoding: WantedEncoding,
  tempDir: string,
  signal: AbortSignal,
): Promise<StagedContent> {
  const hash = new HashingTap();
  const store = new SpoolingStore(path.join(tempDir, `artifact-${randomUUID()}`));
  const adaptive = new AdaptiveGzip();
  try {
    if (encoding === 'auto') await pipeline(source, hash, adaptive, store, { signal });
    else if (encoding === 'gzip') await pipeline(source, hash, createGzip(), store, { signal });
    else await pipeline(source, hash, store, { signal });
  } catch (error) {
    await store.dispose();
    throw error;
  }
  return {
    sha256: hash.digest(),
    contentEncoding: encoding === 'auto' ? adaptive.contentEncoding : encoding,
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
  return {
    sha256: hash.digest(),
    contentEncoding: 'identity',
    length,
    body: () => readFile(source, length),
    dispose: () => Promise.resolve(),
  };
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
