import { createHash, randomUUID } from 'node:crypto';
import { open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { makeDirectory } from '../../lib/util/make-directory.js';
import { readStateFile } from '../../lib/util/state-file.js';
import { Schema } from '../http/schema.js';
import type { StoredObject } from '../object-store/object-store.js';
import { objectOf } from '../schemas/define.js';

/** What is known about a content besides its bytes. */
export interface ContentHead {
  readonly contentType: string;
  readonly contentEncoding: string | undefined;
  /** The size that was announced, in bytes. */
  readonly size: number | undefined;
  /** The value of the ETag header, if there was one. */
  readonly etag: string | undefined;
}

interface Description {
  readonly key: string;
  readonly contentType: string;
  readonly contentEncoding?: string;
  readonly size: number;
  readonly etag: string;
  readonly modified: string;
}

const TEXT = { type: 'string' } as const;
const DESCRIPTION = new Schema<Description>(
  'Cached artifact',
  objectOf(
    {
      ...{ key: TEXT, contentType: TEXT, contentEncoding: TEXT, size: { type: 'integer', minimum: 0 }, etag: TEXT },
      modified: { type: 'string', format: 'date-time' },
    },
    ['contentEncoding'],
  ),
);

const PARTIAL = '.partial';
const OWN_FILE = { flag: 'wx', mode: 0o600 } as const;
const ABANDONED_MS = 24 * 60 * 60_000;

/**
 * Contents that never change, as files in a directory that outlives the process: for each key the content, and a
 * description, which is written last. Several processes may use it at the same time.
 */
export class ArtifactCache {
  readonly #directory: string;
  readonly #saving = new Set<Promise<void>>();

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** Opens the cache of one owner, who alone finds what was kept for it. Only this user can read the directory. */
  static async open(parent: string, owner: string): Promise<ArtifactCache> {
    const directory = join(parent, sha256(owner).slice(0, 32));
    await makeDirectory(directory, 0o700);
    for (const name of await readdir(directory)) {
      if (name.endsWith(PARTIAL)) await removeIfAbandoned(join(directory, name));
    }
    return new ArtifactCache(directory);
  }

  /** Returns the content, if all of it is there. */
  async find(key: string): Promise<StoredObject | undefined> {
    const path = this.#pathOf(key);
    const description = described(await readStateFile(`${path}.json`));
    if (description?.key !== key || (await sizeOf(path)) !== description.size) return undefined;
    const { contentType, contentEncoding, size, etag, modified } = description;
    return { contentType, contentEncoding, size, etag, modified: new Date(modified), path };
  }

  /**
   * Returns a stream of the body that also keeps it. It is found from the time on at which the whole stream was read;
   * a body that breaks off, or of which not all is read, is forgotten.
   */
  keep(key: string, head: ContentHead, body: AsyncIterable<Buffer>): Readable {
    const passed = new PassThrough();
    const saving = this.#save(key, head, body, passed).finally(() => {
      this.#saving.delete(saving);
    });
    this.#saving.add(saving);
    return passed;
  }

  /** Resolves once nothing is being kept any more. */
  async idle(): Promise<void> {
    await Promise.all(this.#saving);
  }

  /** Never rejects: an error destroys `passed`, for its reader. */
  async #save(key: string, head: ContentHead, body: AsyncIterable<Buffer>, passed: PassThrough): Promise<void> {
    const path = this.#pathOf(key);
    const partial = partialOf(path);
    try {
      const file = await open(partial, OWN_FILE.flag, OWN_FILE.mode);
      try {
        await pipeline(body, (chunks) => this.#written(chunks, { key, head, file, partial, path }), passed);
      } finally {
        await file.close();
      }
    } catch (error) {
      passed.destroy(error instanceof Error ? error : new Error(String(error)));
      await rm(partial, { force: true });
    }
  }

  /** Passes the chunks on, the last of them when the content is complete and can be found. */
  async *#written(
    chunks: AsyncIterable<Buffer>,
    { key, head, file, partial, path }: Writing,
  ): AsyncGenerator<Buffer, void> {
    const hash = createHash('sha256');
    let size = 0;
    let last: Buffer | undefined;
    for await (const chunk of chunks) {
      hash.update(chunk);
      size += chunk.length;
      await file.writeFile(chunk);
      if (last) yield last;
      last = chunk;
    }
    if (head.size !== undefined && head.size !== size) {
      throw new Error(`${size} bytes of ${key} came instead of ${head.size}`);
    }
    const { contentType, contentEncoding, etag = `"${hash.digest('hex')}"` } = head;
    const modified = new Date().toJSON();
    const encoding = contentEncoding === undefined ? {} : { contentEncoding };
    const description = `${path}.json`;
    const nextDescription = partialOf(description);
    await writeFile(nextDescription, JSON.stringify({ key, contentType, ...encoding, size, etag, modified }), OWN_FILE);
    await rename(partial, path);
    await rename(nextDescription, description);
    if (last) yield last;
  }

  #pathOf(key: string): string {
    return join(this.#directory, sha256(key));
  }
}

interface Writing {
  readonly key: string;
  readonly head: ContentHead;
  readonly file: FileHandle;
  readonly partial: string;
  readonly path: string;
}

/** Returns a name of its own for the file until it is complete. */
function partialOf(path: string): string {
  return `${path}.${randomUUID()}${PARTIAL}`;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** Returns the description in a file's text; undefined if there is none, or not a whole one. */
function described(text: string | undefined): Description | undefined {
  if (text === undefined) return undefined;
  try {
    const checked = DESCRIPTION.check(JSON.parse(text));
    return 'value' in checked ? checked.value : undefined;
  } catch {
    // A damaged description is as good as none: the artifact is fetched again.
    return undefined;
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Removes what a process left that was killed while it wrote; others may be writing right now. */
async function removeIfAbandoned(path: string): Promise<void> {
  const writtenAt = await stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => undefined,
  );
  if (writtenAt !== undefined && writtenAt < Date.now() - ABANDONED_MS) await rm(path, { force: true });
}
