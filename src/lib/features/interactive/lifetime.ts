import { AutoResetEvent } from '../../util/auto-reset-event.js';

export interface LifetimeOptions {
  /** From the task's start. */
  readonly minTimeMs: number;
  /** From the end of the last session. */
  readonly afterSessionMs: number;
}

/** How long a task lives on though its command has ended: as long as somebody is in it, or may still come. */
export class Lifetime {
  readonly #options: LifetimeOptions;
  readonly #changed = new AutoResetEvent();
  /** In the time of `performance.now()`. */
  #until: number;
  #sessions = 0;
  #isOver = false;

  /** Begins now. */
  constructor(options: LifetimeOptions) {
    this.#options = options;
    this.#until = performance.now() + options.minTimeMs;
  }

  /** False: it is over, and there can be no more sessions. */
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

  /** How long it lasts at least; undefined: there is a session, and nobody knows. */
  get remainingMs(): number | undefined {
    return this.#sessions > 0 ? undefined : Math.max(0, this.#until - performance.now());
  }

  /** Waits until it is over. Rejects with the signal's reason. */
  async over(signal: AbortSignal): Promise<void> {
    for (;;) {
      const { remainingMs } = this;
      if (remainingMs === 0) break;
      await this.#changed.wait(signal, remainingMs);
    }
    this.#isOver = true;
  }
}
