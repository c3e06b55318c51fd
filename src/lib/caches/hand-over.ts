import type { Logger } from '../log/logger.js';
import { LinkedAbort } from '../util/linked-abort.js';

/** A run that has a cache or wants one. */
export interface CacheUser {
  readonly log: Logger;
  /** What the author reads. */
  readonly output: { line(text: string): void };
  /** Aborts when the run is resolved or just about to be: what it has comes back soon. */
  readonly ended: AbortSignal;
}

/** Takes a directory; undefined: there is nothing left to wait for. */
type Settle<T> = (directory: T | undefined) => void;

interface Queue<T> {
  /** Directories whose run has ended and that were not given back yet. */
  leaving: number;
  /** First come, first served. */
  readonly waiting: Settle<T>[];
}

/** A run that waits longer is told why. */
const NOTICE_MS = 1000;

/**
 * Runs that wait for a directory of a cache whose run has ended. Those that have it at work are not waited for, and there
 * are never more who wait than directories on their way back: everybody gets one in time. A run that has ended waits for
 * no cache itself, so that no two ever wait for each other, however many caches they want.
 */
export class HandOver<T> {
  readonly #timeoutMs: number;
  readonly #queues = new Map<string, Queue<T>>();

  /** Nobody waits longer than `timeoutMs`. */
  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  /** The run of a directory of the cache has ended. To be called back once that was passed on, or is free or gone. */
  leave(name: string): () => void {
    const queue = this.#queues.get(name) ?? { leaving: 0, waiting: [] };
    this.#queues.set(name, queue);
    queue.leaving++;
    return () => {
      queue.leaving--;
      // The last one has lost the least time.
      if (queue.waiting.length > queue.leaving) queue.waiting.at(-1)?.(undefined);
      if (queue.leaving === 0) this.#queues.delete(name);
    };
  }

  /** Gives a directory to the run that has waited longest; false: no run waits. */
  pass(name: string, directory: T): boolean {
    const first = this.#queues.get(name)?.waiting[0];
    first?.(directory);
    return first !== undefined;
  }

  /**
   * A directory whose run has ended, once it was given back; undefined when there is none to wait for, or it took too
   * long. Rejects with the signal's reason.
   */
  async wait(name: string, { log, output }: CacheUser, signal: AbortSignal): Promise<T | undefined> {
    const queue = this.#queues.get(name);
    if (!queue || queue.waiting.length >= queue.leaving || this.#timeoutMs === 0) return undefined;
    const limit = new LinkedAbort(signal);
    limit.abortAfter(this.#timeoutMs, () => new Error(`the cache was not given back in ${this.#timeoutMs} ms`));
    const notice = setTimeout(() => {
      output.line(`Waiting for the cache "${name}": the run that had it has ended and is being cleaned up.`);
    }, NOTICE_MS);
    log.info('cache volume wait', { name });
    const directory = await nextOf(queue, limit.signal);
    clearTimeout(notice);
    limit.dispose();
    if (directory !== undefined) return directory;
    signal.throwIfAborted();
    if (limit.signal.aborted) {
      log.warn('cache was not given back', { name, timeoutMs: this.#timeoutMs });
      output.line(
        `The cache "${name}" was not given back in ${this.#timeoutMs / 1000} s; this run gets another directory.`,
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
