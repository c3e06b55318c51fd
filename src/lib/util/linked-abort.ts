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
    // Each upload or call adds a listener: more than the ten that Node treats as a leak.
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

  /** Aborts with `reason()` after `timeoutMs`; calling it again restarts the timer. */
  abortAfter(timeoutMs: number, reason: () => unknown): void {
    clearTimeout(this.#timer);
    if (this.#isDisposed) return;
    this.#timer = setTimeout(() => {
      this.abort(reason());
    }, timerMs(timeoutMs));
  }

  /** Detaches from the parent, stops the timer and allows no other; the signal keeps its state. */
  dispose(): void {
    this.#isDisposed = true;
    clearTimeout(this.#timer);
    this.#parent?.removeEventListener('abort', this.#follow);
  }
}
