/** Lets at most `count` operations run at once; the others wait in order of arrival. */
export class Semaphore {
  #free: number;
  /** In order of arrival; a Set, because thousands may leave at once. */
  readonly #waiting = new Set<() => void>();

  constructor(count: number) {
    this.#free = count;
  }

  /** True when the next caller has to wait. */
  get isFull(): boolean {
    return this.#free === 0;
  }

  /** Runs `operation` when a slot is free; rejects with the signal's reason if it aborts during the wait. */
  async run<T>(operation: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const leave = await this.enter(signal);
    try {
      return await operation();
    } finally {
      leave();
    }
  }

  /** Acquires a slot; resolves with the function that releases it, to be called once. */
  async enter(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#free > 0) this.#free--;
    else await this.#turn(signal);
    return () => {
      this.#leave();
    };
  }

  #turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const take = (): void => {
        signal.removeEventListener('abort', giveUp);
        resolve();
      };
      const giveUp = (): void => {
        this.#waiting.delete(take);
        reject(signal.reason as Error);
      };
      signal.addEventListener('abort', giveUp, { once: true });
      this.#waiting.add(take);
    });
  }

  #leave(): void {
    const [next] = this.#waiting;
    if (!next) {
      this.#free++;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}
