import type { Logger } from '../log/logger.js';
import { LinkedAbort } from '../util/linked-abort.js';

/** A run that holds a cache or wants one. */
export interface CacheUser {
  readonly log: Logger;
  /** Read by the author. */
  readonly output: { line(text: string): void };
  /** Aborts when the run is resolved or is about to be: its caches will be released soon. */
  readonly ended: AbortSignal;
}

/** Receives a directory; undefined: there is nothing left to wait for. */
type Settle<T> = (directory: T | undefined) => void;

interface Queue<T> {
  /** Directories whose run has ended and that are not released yet. */
  leaving: number;
  /** First come, first served. */
  readonly waiting: Settle<T>[];
}

/** A run that waits longer is told why. */
const NOTICE_MS = 1000;

/**
 * Runs that wait for a directory of a cache whose run has ended. A directory that a run is still using is not waited
 * for, and there are never more waiters than directories about to be released, so every waiter gets one in time. A run
 * that has ended does not wait for caches, so no two runs wait for each other, however many caches they want.
 */
export class HandOver<T> {
  readonly #timeoutMs: number;
  readonly #queues = new Map<string, Queue<T>>();

  /** No run waits longer than `timeoutMs`. */
  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  /** Notes that a run of the cache has ended. Call the returned function once its directory is passed on or gone. */
  leave(name: string): () => void {
    const queue = this.#queues.get(name) ?? { leaving: 0, waiting: [] };
    this.#queues.set(name, queue);
    queue.leaving++;
    return () => {
      queue.leaving--;
      // The last waiter has lost the least time.
      if (queue.waiting.length > queue.leaving) queue.waiting.at(-1)?.(undefined);
      if (queue.leaving === 0) this.#queues.delete(name);
    };
  }

  /** Passes a directory to the run that has waited longest; false: no run waits. */
  pass(name: string, directory: T): boolean {
    const first = this.#queues.get(name)?.waiting[0];
    first?.(directory);
    return first !== undefined;
  }

  /**
   * Waits for a directory whose run has ended to be released. Returns undefined when there is none to wait for or the
   * wait timed out. Rejects with the signal's reason.
   */
  async wait(name: string, { log, output }: CacheUser, signal: AbortSignal): Promise<T | undefined> {
    const queue = this.#queues.get(name);
    if (!queue || queue.waiting.length >= queue.leaving || this.#timeoutMs === 0) return undefined;
    const limit = new LinkedAbort(signal);
    limit.abortAfter(this.#timeoutMs, () => new Error(`the cache was not released within ${this.#timeoutMs} ms`));
    const notice = setTimeout(() => {
      output.line(`Waiting for the cache "${name}": the run that used it has ended and is being cleaned up.`);
    }, NOTICE_MS);
    log.info('cache volume wait', { name });
    const directory = await nextOf(queue, limit.signal);
    clearTimeout(notice);
    limit.dispose();
    if (directory !== undefined) return directory;
    signal.throwIfAborted();
    if (limit.signal.aborted) {
      log.warn('cache not released', { name, timeoutMs: this.#timeoutMs });
      output.line(
        `The cache "${name}" was not released within ${this.#timeoutMs / 1000} s; this run gets another directory.`,
      );
    }
    return undefined;
  }
}

function nextOf<T>({ waiting }: Queue<T>, limit: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve) => {
    const settle: Settle<T> = (directory) => {
      waiting.splice(waiting.indexOf(settle), 1);
      limit.removeEventListener('abort', giveUp);
      resolve(directory);
    };
    const giveUp = (): void => {
      settle(undefined);
    };
    if (limit.aborted) {
      resolve(undefined);
      return;
    }
    limit.addEventListener('abort', giveUp, { once: true });
    waiting.push(settle);
  });
}
