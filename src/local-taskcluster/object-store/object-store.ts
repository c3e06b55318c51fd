import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Readable } from 'node:stream';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ByteRange } from './byte-range.js';
import { makeDirectory } from '../../lib/util/make-directory.js';

/** An object's stored properties, apart from its bytes. */
export interface StoredObject {
  readonly contentType: string;
  readonly contentEncoding: string | undefined;
  readonly size: number;
  /** The value of the ETag header, with its quotes. */
  readonly etag: string;
  readonly modified: Date;
  readonly path: string;
}

export interface ObjectHeaders {
  readonly contentType: string;
  readonly contentEncoding: string | undefined;
  readonly size: number;
}

/** An object as JSON, with the name of its file. */
export interface SavedContent extends Omit<StoredObject, 'contentEncoding' | 'modified' | 'path'> {
  readonly key: string;
  readonly contentEncoding?: string;
  readonly modified: string;
  readonly file: string;
}

/** The error for an upload whose size is not the one it announced. */
export class IncompleteUpload extends Error {
  override readonly name = 'IncompleteUpload';
}

/** Objects as files in a directory. An object appears, or is replaced, only once all its bytes are written. */
export class ObjectStore {
  readonly #directory: string;
  readonly #objects = new Map<string, StoredObject>();
  readonly #uploads = new Set<Promise<StoredObject>>();
  readonly #now: () => Date;

  constructor(directory: string, now: () => Date) {
    this.#directory = directory;
    this.#now = now;
  }

  /** Streams the content to disk. Rejects, and keeps the previous object, unless it is exactly `headers.size` bytes. */
  async put(key: string, headers: ObjectHeaders, content: Readable): Promise<StoredObject> {
    const upload = this.#write(key, headers, content);
    this.#uploads.add(upload);
    try {
      return await upload;
    } finally {
      this.#uploads.delete(upload);
    }
  }

  /** Resolves once no upload is being written any more, whether it succeeded or failed. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#uploads);
  }

  get(key: string): StoredObject | undefined {
    return this.#objects.get(key);
  }

  /** Returns a stream of the object's bytes, or of a range of them. */
  read(object: StoredObject, range?: ByteRange): Readable {
    return createReadStream(object.path, range ? { start: range.first, end: range.last } : {});
  }

  save(): readonly SavedContent[] {
    return [...this.#objects].map(([key, { contentType, contentEncoding, size, etag, modified, path }]) => ({
      ...{ key, contentType, ...(contentEncoding !== undefined && { contentEncoding }), size, etag },
      ...{ modified: modified.toJSON(), file: basename(path) },
    }));
  }

  /** Adds saved objects, whose files are in the directory. Rejects with an Error if one of them is not there. */
  async restore(contents: readonly SavedContent[]): Promise<void> {
    for (const { key, file, modified, contentEncoding, ...object } of contents) {
      const path = join(this.#directory, file);
      if ((await sizeOf(path)) !== object.size) {
        throw new Error(`the content of ${key}, ${object.size} bytes, is not at ${path} any more`);
      }
      this.#objects.set(key, { ...object, contentEncoding, modified: new Date(modified), path });
    }
  }

  async #write(key: string, headers: ObjectHeaders, content: Readable): Promise<StoredObject> {
    await makeDirectory(this.#directory);
    // Every upload has its own file, so a reader keeps the version that it opened.
    const path = join(this.#directory, `${createHash('sha256').update(key).digest('hex')}.${randomUUID()}`);
    const partial = `${path}.partial`;
    const hash = createHash('sha256');
    let size = 0;
    const measure = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        hash.update(chunk);
        size += chunk.length;
        done(null, chunk);
      },
    });
    try {
      await pipeline(content, measure, createWriteStream(partial, { flags: 'wx' }));
      if (size !== headers.size) throw new IncompleteUpload(`${size} bytes came instead of ${headers.size}`);
      await rename(partial, path);
    } catch (error) {
      await rm(partial, { force: true });
      throw error;
    }
    const replaced = this.#objects.get(key);
    const object = { ...headers, etag: `"${hash.digest('hex')}"`, modified: this.#now(), path };
    this.#objects.set(key, object);
    if (replaced) await rm(replaced.path, { force: true });
    return object;
  }
}

/** Returns the size of a file; undefined if there is none. */
async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
