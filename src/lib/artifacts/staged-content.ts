import { createHash, hash, randomUUID } from 'node:crypto';
import path from 'node:path';
import { Readable, Transform, Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { ContentEncoding } from './adaptive-gzip.js';
import { AdaptiveGzip, SAMPLE_BYTES, encodingFor, gzipWhole } from './adaptive-gzip.js';
import type { FileSource } from './file-source.js';
import { readFile } from './file-source.js';
import { MEMORY_BYTES, SpoolingStore } from './spooling-store.js';

/** `auto`: compressed unless the content hardly becomes smaller by that. */
export type WantedEncoding = ContentEncoding | 'auto';

/** Uncompressed. */
export type ContentSource = Readable | SizedStream | FileSource | Buffer;

/** With its length in bytes known before it is read. */
export interface SizedStream {
  readonly stream: Readable;
  readonly size: number;
}

/**
 * An artifact's content as it will be stored: it can be sent any number of times until it is disposed, and begun with while
 * its source is still being read.
 */
export interface StagedContent {
  /** Of the content before compression, in hex; fails as the source does. */
  readonly sha256: Promise<string>;
  /** Why its source could not be read to the end. */
  readonly failure?: Error | null;
  readonly contentEncoding: ContentEncoding;
  /** Bytes as stored. */
  readonly length: number;
  /** A Buffer when it is small. */
  body(): Buffer | Readable;
  /** Deletes the temporary file, if there is one; harmless twice. */
  dispose(): Promise<void>;
}

/**
 * Hashes, compresses and keeps what `source` gives; long content of a known size that is not compressed is there to be sent
 * at once. Uncompressed files are not copied. Fails with the source's error, the disk's, or the signal's reason; nothing
 * is left behind then.
 */
export async function stageContent(
  source: ContentSource,
  encoding: WantedEncoding,
  tempDir: string,
  signal: AbortSignal,
): Promise<StagedContent> {
  try {
    if (Buffer.isBuffer(source)) return await stageBuffer(source, encoding);
    if (source instanceof Readable) return await stageStream({ stream: source }, encoding, tempDir, signal);
    if ('stream' in source) return await stageStream(source, encoding, tempDir, signal);
    const chosen = encoding === 'auto' ? await encodingFor(await buffer(readFile(source, SAMPLE_BYTES))) : encoding;
    if (chosen === 'identity') return await stageFile(source, signal);
    return await stageStream({ stream: readFile(source) }, chosen, tempDir, signal);
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}

async function stageBuffer(source: Buffer, encoding: WantedEncoding): Promise<StagedContent> {
  const contentEncoding = encoding === 'auto' ? await encodingFor(source) : encoding;
  const stored = contentEncoding === 'gzip' ? await gzipWhole(source) : source;
  return {
    sha256: Promise.resolve(hash('sha256', source)),
    contentEncoding,
    length: stored.length,
    body: () => stored,
    dispose: () => Promise.resolve(),
  };
}

async function stageStream(
  { stream, size = 0 }: Partial<SizedStream> & Pick<SizedStream, 'stream'>,
  encoding: WantedEncoding,
  tempDir: string,
  signal: AbortSignal,
): Promise<StagedContent> {
  const hash = new HashingTap();
  const store = new SpoolingStore(path.join(tempDir, `artifact-${randomUUID()}`));
  const adaptive = new AdaptiveGzip();
  const coders = encoding === 'auto' ? [adaptive] : encoding === 'gzip' ? [createGzip()] : [];
  const whole = pipeline([stream, hash, ...coders, store], { signal });
  const chosen = encoding === 'auto' ? adaptive.chosen : Promise.resolve(encoding);
  try {
    const first = await Promise.race([whole, chosen]);
    if (first === 'identity' && size > MEMORY_BYTES) return comingContent(whole, hash, store, size);
    await whole;
  } catch (error) {
    await store.dispose();
    throw error;
  }
  return {
    sha256: Promise.resolve(hash.digest()),
    contentEncoding: encoding === 'auto' ? adaptive.contentEncoding : encoding,
    length: store.length,
    body: () => store.body(),
    dispose: () => store.dispose(),
  };
}

/** Can be sent while it is written to `store`, again too. */
function comingContent(whole: Promise<void>, hash: HashingTap, store: SpoolingStore, length: number): StagedContent {
  const sha256 = whole.then(() => hash.digest());
  // Whoever sends it hears of it too.
  sha256.catch(() => undefined);
  return {
    sha256,
    get failure() {
      return store.errored;
    },
    contentEncoding: 'identity',
    length,
    body: () => store.follow(length),
    dispose: async () => {
      store.destroy();
      await whole.catch(() => undefined);
      await store.dispose();
    },
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
    sha256: Promise.resolve(hash.digest()),
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
