import { Transform } from 'node:stream';
import type { TransformCallback } from 'node:stream';
import { promisify } from 'node:util';
import type { Gzip } from 'node:zlib';
import { createGzip, deflateRaw, gzip, gzipSync } from 'node:zlib';

export type ContentEncoding = 'gzip' | 'identity';

/** How much of the beginning of a content tells whether compressing all of it is worth while. */
export const SAMPLE_BYTES = 128 * 1024;
/** Less is always compressed: nothing could be gained by a choice. */
const CHOICE_BYTES = 16 * 1024;
/** What compressing must leave at most: media and archives lose a few percent, for their headers. */
const WORTH_RATIO = 0.9;

/** Memory enough for so little, which is made ready and given up again for each: a third of what zlib takes by itself. */
const SMALL = { windowBits: 14, memLevel: 6 };

const compress = promisify(deflateRaw);
const gzipElsewhere: (content: Buffer) => Promise<Buffer> = promisify(gzip);

/** Costs a small content much less than a stream does; in another thread only what takes longer than the way there. */
export async function gzipWhole(content: Buffer): Promise<Buffer> {
  return content.length < CHOICE_BYTES ? gzipSync(content, SMALL) : await gzipElsewhere(content);
}

/** Tries it: knows every format there is, which a list of magic numbers does not. `head` is the beginning or all of it. */
export async function encodingFor(head: Buffer): Promise<ContentEncoding> {
  if (head.length < CHOICE_BYTES) return 'gzip';
  const { length } = await compress(head, { level: 1 });
  return length <= head.length * WORTH_RATIO ? 'gzip' : 'identity';
}

/** Compresses what goes through it if that is worth while; holds no more of it than the sample. */
export class AdaptiveGzip extends Transform {
  #head: Buffer[] = [];
  #headBytes = 0;
  #encoding: ContentEncoding | undefined;
  #tell: (encoding: ContentEncoding) => void = () => undefined;
  #gzip: Gzip | undefined;

  /** Resolves as soon as it is known what it comes to; never when it is destroyed before. */
  readonly chosen = new Promise<ContentEncoding>((resolve) => {
    this.#tell = resolve;
  });

  /** What it came to; known at the end. */
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

  /** All of it is there. */
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

  /** The callback waits for the compressed bytes: while nobody takes those, no more is taken in. */
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
