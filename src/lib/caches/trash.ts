import { randomUUID } from 'node:crypto';
import { readdir, rename } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Logger } from '../log/logger.js';
import { delay } from '../util/abortable.js';
import { LinkedAbort } from '../util/linked-abort.js';
import { removeTree } from '../util/remove-tree.js';
import { Semaphore } from '../util/semaphore.js';
import { makeDirectory } from '../util/make-directory.js';

export interface TrashOptions {
  /** On the same file system as what comes into it. */
  readonly directory: string;
  readonly log: Logger;
  /** Default: `rm`, at low priority. */
  readonly remove?: (path: string, signal: AbortSignal) => Promise<void>;
}

const removeInBackground = (path: string, signal: AbortSignal): Promise<void> =>
  removeTree(path, { isUrgent: false, signal });

/**
 * Where directories go that nobody may use any more: they are out of the way at once, and deleted in the background, one
 * after another, however long that takes. What is not deleted when the worker ends is left for the next `sweep`.
 */
export class Trash {
  readonly #directory: string;
  readonly #log: Logger;
  readonly #remove: (path: string, signal: AbortSignal) => Promise<void>;
  /** One deletion at a time leaves the disk to the tasks. */
  readonly #semaphore = new Semaphore(1);
  readonly #abort = new LinkedAbort();
  readonly #underWay = new Map<string, Promise<void>>();

  constructor({ directory, log, remove = removeInBackground }: TrashOptions) {
    this.#directory = directory;
    this.#log = log;
    this.#remove = remove;
  }

  /**
   * Moves `path` out of the way, be it a directory or something else; a link is moved itself and never followed. True
   * unless it was gone already. `onRemoved` is called when all of it is deleted.
   */
  async discard(path: string, onRemoved: () => void): Promise<boolean> {
    await makeDirectory(this.#directory, 0o700);
    const aside = join(this.#directory, randomUUID());
    try {
      await rename(path, aside);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw error;
    }
    this.#delete(aside, onRemoved);
    return true;
  }

  /** Deletes, in the background, what is still there from before. */
  async sweep(): Promise<void> {
    for (const name of await namesIn(this.#directory)) {
      if (!this.#underWay.has(name)) this.#delete(join(this.#directory, name), () => undefined);
    }
  }

  /** Resolves when what has come into it so far is deleted, or could not be. */
  async emptied(): Promise<void> {
    await Promise.all(this.#underWay.values());
  }

  /** Waits at most `limitMs` for what is being deleted. */
  async close(limitMs: number): Promise<void> {
    const limit = new LinkedAbort();
    const timeIsOver = delay(limitMs, limit.signal).catch(() => undefined);
    await Promise.race([this.emptied(), timeIsOver]);
    limit.abort(new Error('it is empty'));
    this.#abort.abort(new Error('the worker has ended'));
    await this.emptied();
  }

  #delete(path: string, onRemoved: () => void): void {
    const name = basename(path);
    const deletion = async (): Promise<void> => {
      const { signal } = this.#abort;
      try {
        await this.#semaphore.run(() => this.#remove(path, signal), signal);
        onRemoved();
      } catch (error) {
        if (signal.aborted) this.#log.info('left to be deleted at the next start', { path });
        else this.#log.error('could not release', { what: 'discarded cache', path, error });
      } finally {
        this.#underWay.delete(name);
      }
    };
    this.#underWay.set(name, deletion());
  }
}

async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
