import { AutoResetEvent } from '../../util/auto-reset-event.js';

export interface LifetimeOptions {
  /** Counted from the task's start. */
  readonly minTimeMs: number;
  /** Counted from the end of the last session. */
  readonly afterSessionMs: number;
}

/** How long a task keeps running after its command has ended: while there is a session, or one may still begin. */
export class Lifetime {
  readonly #options: LifetimeOptions;
  readonly #changed = new AutoResetEvent();
  /** A `performance.now()` value. */
  #until: number;
  #sessions = 0;
  #isOver = false;

  /** The lifetime begins now. */
  constructor(options: LifetimeOptions) {
    this.#options = options;
    this.#until = performance.now() + options.minTimeMs;
  }

  /** Returns false if the lifetime is over, so that no session may begin. */
  beginSession(): boolean {
    if (this.#isOver) return false;
    this.#sessions += 1;
    return true;
  }

  endSession(): void {
    this.#sessions -= 1;
    this.#until = Math.max(this.#until, performance.now() + this.#options.afterSessionMs);
    this.#changed.call();
  }

  /** The minimum remaining time; undefined during a session. */
  get remainingMs(): number | undefined {
    return this.#sessions > 0 ? undefined : Math.max(0, this.#until - performance.now());
  }

  /** Waits until the lifetime is over. Rejects with the signal's reason. */
  async over(signal: AbortSignal): Promise<void> {
    for (;;) {
      const { remainingMs } = this;
      if (remainingMs === 0) break;
      await this.#changed.wait(signal, remainingMs);
    }
    this.#isOver = true;
  }
}
