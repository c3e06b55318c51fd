import { setMaxListeners } from 'node:events';
import { timerMs } from './timer.js';

/**
 * An AbortSignal that follows a parent and can be aborted on its own; the first reason stays. Unlike AbortSignal.any it
 * leaves no listener on a long-lived parent once disposed (AbortSignal.any leaks them on Node 20 and 24).
 */
export class LinkedAbort {
  readonly #controller = new AbortController();
  readonly #parent: AbortSignal | undefined;
  readonly #follow = (): void => {
    this.abort(this.#parent?.reason);
  };
  #timer: NodeJS.Timeout | undefined;
  #isDisposed = false;

  constructor(parent?: AbortSignal) {
    // One listener for each upload or call under way: more than the ten that node takes for a leak.
    setMaxListeners(0, this.#controller.signal);
    this.#parent = parent;
    parent?.addEventListener('abort', this.#follow, { once: true });
    if (parent?.aborted) this.#follow();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  abort(reason: unknown): void {
    this.dispose();
    this.#controller.abort(reason);
  }

  /** Aborts with `reason()` after `timeoutMs`; calling again starts the time anew. */
  abortAfter(timeoutMs: number, reason: () => unknown): void {
    clearTimeout(this.#timer);
    if (this.#isDisposed) return;
    this.#timer = setTimeout(() => {
      this.abort(reason());
    }, timerMs(timeoutMs));
  }

  /** Lets go of the parent and the timer, and starts no other; the signal stays as it is. */
  dispose(): void {
    this.#isDisposed = true;
    clearTimeout(this.#timer);
    this.#parent?.removeEventListener('abort', this.#follow);
  }
}
