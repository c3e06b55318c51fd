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
  /** Must be on the same file system as the paths it receives. */
  readonly directory: string;
  readonly log: Logger;
  /** Default: `rm`, at low priority. */
  readonly remove?: (path: string, signal: AbortSignal) => Promise<void>;
}

/** A directory can be given another parent only by who may write to it; root in a container may have taken it over. */
const DENIED: ReadonlySet<string> = new Set(['EACCES', 'EPERM']);

const removeInBackground = (path: string, signal: AbortSignal): Promise<void> =>
  removeTree(path, { isUrgent: false, signal });

/**
 * Receives directories that must no longer be used: they are moved away at once, and deleted in the background, one
 * after another, however long that takes. What is left when the worker ends is deleted by the next `sweep`. A directory
 * that this process's user may not move is deleted in its place; what is left of it is not found by `sweep`.
 */
export class Trash {
  readonly #directory: string;
  readonly #log: Logger;
  readonly #remove: (path: string, signal: AbortSignal) => Promise<void>;
  /** One deletion at a time leaves the disk to the tasks. */
  readonly #semaphore = new Semaphore(1);
  readonly #abort = new LinkedAbort();
  readonly #inProgress = new Map<string, Promise<void>>();

  constructor({ directory, log, remove = removeInBackground }: TrashOptions) {
    this.#directory = directory;
    this.#log = log;
    this.#remove = remove;
  }

  /**
   * Moves `path` (a directory or any other entry) away; a link itself is moved and never followed. Returns true unless
   * it was already gone. `onRemoved` is called once all of it is deleted.
   */
  async discard(path: string, onRemoved: () => void): Promise<boolean> {
    await makeDirectory(this.#directory, 0o700);
    const trashPath = join(this.#directory, randomUUID());
    try {
      await rename(path, trashPath);
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return false;
      if (!DENIED.has(code)) throw error;
      this.#delete(path, onRemoved);
      return true;
    }
    this.#delete(trashPath, onRemoved);
    return true;
  }

  /** Deletes, in the background, what a previous worker left. */
  async sweep(): Promise<void> {
    for (const name of await namesIn(this.#directory)) {
      if (!this.#inProgress.has(name)) this.#delete(join(this.#directory, name), () => undefined);
    }
  }

  /** Resolves once everything received so far is deleted or has failed to be. */
  async drained(): Promise<void> {
    await Promise.all(this.#inProgress.values());
  }

  /** Waits at most `limitMs` for deletions in progress. */
  async close(limitMs: number): Promise<void> {
    const limit = new LinkedAbort();
    const timedOut = delay(limitMs, limit.signal).catch(() => undefined);
    await Promise.race([this.drained(), timedOut]);
    limit.abort(new Error('it is empty'));
    this.#abort.abort(new Error('the worker has ended'));
    await this.drained();
  }

  #delete(path: string, onRemoved: () => void): void {
    const name = basename(path);
    const deletion = async (): Promise<void> => {
      const { signal } = this.#abort;
      try {
        await this.#semaphore.run(() => this.#remove(path, signal), signal);
        onRemoved();
      } catch (error) {
        if (signal.aborted) this.#log.info('deletion deferred to next start', { path });
        else this.#log.error('resource not released', { what: 'discarded cache', path, error });
      } finally {
        this.#inProgress.delete(name);
      }
    };
    this.#inProgress.set(name, deletion());
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
