import { ApiError } from '../http/api-error.js';
import { HASH_ALGORITHMS } from '../schemas/object-schemas.js';
import type { Hashes } from '../schemas/object-schemas.js';

const UNFINISHED_LIFETIME_MS = 24 * 60 * 60_000;

/** The owner and expiry of an upload, which no later call may change. */
export interface Upload {
  readonly projectId: string;
  readonly uploadId: string;
  readonly expires: string;
}

/** Everything known about an object; its bytes are in the object store. */
export interface ObjectRecord extends Upload {
  readonly hashes: Hashes;
  readonly opened: Date;
  readonly isFinished: boolean;
}

/** An object as JSON. */
export interface SavedObject extends Omit<ObjectRecord, 'opened'> {
  readonly name: string;
  readonly opened: string;
}

/**
 * The objects of the object service. An object can be read once its upload is finished, and never changes after that.
 */
export class ObjectTable {
  readonly #now: () => Date;
  readonly #objects = new Map<string, ObjectRecord>();

  constructor(now: () => Date) {
    this.#now = now;
  }

  /**
   * Begins an upload, or adds hashes to one already begun. Throws RequestConflict when the object belongs to another
   * one.
   */
  open(name: string, { hashes = {}, ...upload }: Upload & { readonly hashes?: Hashes | undefined }): void {
    const expires = new Date(upload.expires).toJSON();
    const existing = this.#current(name);
    if (!existing) {
      const record = { ...upload, expires, hashes: known(hashes), opened: this.#now(), isFinished: false };
      this.#objects.set(name, record);
      return;
    }
    const isSame =
      existing.projectId === upload.projectId && existing.uploadId === upload.uploadId && existing.expires === expires;
    if (existing.isFinished || !isSame) throw new ApiError('RequestConflict', `Object ${name} exists already.`);
    this.#objects.set(name, { ...existing, hashes: merged(name, existing.hashes, known(hashes)) });
  }

  /**
   * Returns the caller's unfinished upload with the hashes added, to be passed to `finish`; undefined when it is
   * already finished with matching hashes. Throws ResourceNotFound, InputError, RequestConflict.
   */
  finishing(name: string, upload: Pick<Upload, 'projectId' | 'uploadId'>, hashes: Hashes): ObjectRecord | undefined {
    const existing = this.#current(name);
    if (!existing) throw notFound(name);
    if (existing.projectId !== upload.projectId) {
      throw new ApiError('InputError', `Object ${name} belongs to the project ${existing.projectId}.`);
    }
    const all = merged(name, existing.hashes, known(hashes));
    if (existing.isFinished) {
      if (Object.keys(all).length === Object.keys(existing.hashes).length) return undefined;
      throw new ApiError('RequestConflict', `Object ${name} is finished: hashes can't be added any more.`);
    }
    if (existing.uploadId !== upload.uploadId) {
      throw new ApiError('RequestConflict', `Object ${name} is being uploaded under another uploadId.`);
    }
    return { ...existing, hashes: all };
  }

  /** Makes the object readable. */
  finish(name: string, upload: ObjectRecord): void {
    this.#objects.set(name, { ...upload, isFinished: true });
  }

  /** Returns a finished object. Throws ResourceNotFound. */
  get(name: string): ObjectRecord {
    const object = this.#current(name);
    if (!object?.isFinished) throw notFound(name);
    return object;
  }

  save(): readonly SavedObject[] {
    return [...this.#objects].map(([name, { opened, ...object }]) => ({ name, ...object, opened: opened.toJSON() }));
  }

  restore(objects: readonly SavedObject[]): void {
    for (const { name, opened, ...object } of objects) this.#objects.set(name, { ...object, opened: new Date(opened) });
  }

  #current(name: string): ObjectRecord | undefined {
    const object = this.#objects.get(name);
    if (!object) return undefined;
    const ends = object.isFinished
      ? new Date(object.expires).getTime()
      : object.opened.getTime() + UNFINISHED_LIFETIME_MS;
    return ends > this.#now().getTime() ? object : undefined;
  }
}

function notFound(name: string): ApiError {
  return new ApiError('ResourceNotFound', `There is no object ${name}, or its upload is not finished.`);
}

function known(hashes: Hashes): Hashes {
  return Object.fromEntries(
    HASH_ALGORITHMS.flatMap((algorithm) => (hashes[algorithm] === undefined ? [] : [[algorithm, hashes[algorithm]]])),
  );
}

function merged(name: string, existing: Hashes, added: Hashes): Hashes {
  for (const algorithm of HASH_ALGORITHMS) {
    const [one, other] = [existing[algorithm], added[algorithm]];
    if (one !== undefined && other !== undefined && one !== other) {
      throw new ApiError('RequestConflict', `Object ${name} has another ${algorithm} already: ${one}.`);
    }
  }
  return { ...existing, ...added };
}
