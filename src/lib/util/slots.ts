import { EventEmitter, once } from 'node:events';

/** Lets at most `count` operations run at a time; the others wait in the order they came. */
export class Slots {
  #free: number;
  readonly #waiting: EventEmitter[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  /** Whoever comes now has to wait. */
  get isFull(): boolean {
    return this.#free === 0;
  }

  /** Runs `operation` when there is a slot; rejects with the signal's reason when that aborts while waiting. */
  async run<T>(operation: () => Promise<T>, signal: AbortSignal): Promise<T> {
    await this.#acquire(signal);
    try {
      return await operation();
    } finally {
      this.#release();
    }
  }

  async #acquire(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#free > 0) {
      this.#free--;
      return;
    }
    const turn = new EventEmitter();
    this.#waiting.push(turn);
    try {
      await once(turn, 'turn', { signal });
    } catch {
      // Only an abort makes `once` fail here; a slot handed over in the same moment goes on to the next.
      const place = this.#waiting.indexOf(turn);
      if (place >= 0) this.#waiting.splice(place, 1);
      else this.#release();
      throw signal.reason;
    }
  }

  #release(): void {
    const next = this.#waiting.shift();
    if (next) next.emit('turn');
    else this.#free++;
  }
}
