import { Transform } from 'node:stream';
import type { TransformCallback } from 'node:stream';
import { promisify } from 'node:util';
import type { Gzip } from 'node:zlib';
import { createGzip, deflateRaw, gzip, gzipSync } from 'node:zlib';

export type ContentEncoding = 'gzip' | 'identity';

/** How much of the content's beginning decides whether to compress it. */
export const SAMPLE_BYTES = 128 * 1024;
/** Shorter content is always compressed: a choice would gain nothing. */
const CHOICE_BYTES = 16 * 1024;
/** The largest compressed share that is worth it: media and archives lose a few percent, for their headers. */
const WORTH_RATIO = 0.9;

/** Enough memory for so little content, allocated and freed each time: a third of zlib's default. */
const SMALL = { windowBits: 14, memLevel: 6 };

const compress = promisify(deflateRaw);
const gzipElsewhere: (content: Buffer) => Promise<Buffer> = promisify(gzip);

/** Compresses small content more cheaply than a stream does; on another thread if that outweighs the transfer. */
export async function gzipWhole(content: Buffer): Promise<Buffer> {
  return content.length < CHOICE_BYTES ? gzipSync(content, SMALL) : await gzipElsewhere(content);
}

/** Chooses by compressing a sample, which suits every format, unlike magic numbers. `head`: its beginning, or all. */
export async function encodingFor(head: Buffer): Promise<ContentEncoding> {
  if (head.length < CHOICE_BYTES) return 'gzip';
  const { length } = await compress(head, { level: 1 });
  return length <= head.length * WORTH_RATIO ? 'gzip' : 'identity';
}

/** Compresses its input if that is worth it; buffers no more than the sample. */
export class AdaptiveGzip extends Transform {
  #head: Buffer[] = [];
  #headBytes = 0;
  #encoding: ContentEncoding | undefined;
  #tell: (encoding: ContentEncoding) => void = () => undefined;
  #gzip: Gzip | undefined;

  /** Resolves once the encoding is chosen; never if it is destroyed before. */
  readonly chosen = new Promise<ContentEncoding>((resolve) => {
    this.#tell = resolve;
  });

  /** The chosen encoding; valid at the end. */
  get contentEncoding(): ContentEncoding {
    return this.#encoding ?? 'gzip';
  }

  override _transform(chunk: Buffer, _encoding: string, callback: TransformCallback): void {
    if (this.#encoding !== undefined) {
      this.#pass(chunk, callback);
      return;
    }
    this.#head.push(chunk);
    this.#headBytes += chunk.length;
    if (this.#headBytes < SAMPLE_BYTES) callback();
    else this.#choose(callback);
  }

  override _flush(callback: TransformCallback): void {
    if (this.#encoding !== undefined) this.#end(callback);
    else this.#finishShort(callback);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#gzip?.destroy();
    callback(error);
  }

  #choose(callback: TransformCallback): void {
    const head = Buffer.concat(this.#head);
    this.#head = [];
    encodingFor(head.subarray(0, SAMPLE_BYTES)).then((encoding) => {
      this.#encoding = encoding;
      this.#tell(encoding);
      if (encoding === 'gzip' && !this.destroyed) this.#startGzip();
      this.#pass(head, callback);
    }, callback);
  }

  /** Finishes content that is shorter than the sample. */
  #finishShort(callback: TransformCallback): void {
    const content = Buffer.concat(this.#head);
    this.#head = [];
    encodingFor(content)
      .then(async (encoding) => {
        this.#encoding = encoding;
        return encoding === 'gzip' ? await gzipWhole(content) : content;
      })
      .then((stored) => {
        callback(null, stored);
      }, callback);
  }

  #startGzip(): void {
    this.#gzip = createGzip();
    this.#gzip.on('data', (chunk: Buffer) => this.push(chunk));
    this.#gzip.on('error', (error) => this.destroy(error));
  }

  /** Delays the callback until the compressed bytes are read: no input is accepted while the reader pauses. */
  #pass(chunk: Buffer, callback: TransformCallback): void {
    if (this.#gzip) {
      this.#gzip.write(chunk, (error) => {
        callback(error);
      });
    } else {
      this.push(chunk);
      callback();
    }
  }

  #end(callback: TransformCallback): void {
    if (!this.#gzip) {
      callback();
      return;
    }
    this.#gzip.once('end', () => {
      callback();
    });
    this.#gzip.end();
  }
}
