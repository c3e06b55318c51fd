import { untilAborted } from './abortable.js';
import { timerMs } from './timer.js';

/** Lets one loop sleep until there is something to do. A call made before the sleep is not lost. */
export class AutoResetEvent {
  #isDue = false;
  #wake: (() => void) | undefined;

  call(): void {
    this.#isDue = true;
    this.#wake?.();
  }

  /** Returns at the next call, at once if one was made since the last return, or after `atMostMs`. */
  async wait(signal: AbortSignal, atMostMs?: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (this.#isDue) resolve();
      else if (atMostMs !== undefined) timer = setTimeout(resolve, timerMs(atMostMs));
    });
    try {
      await untilAborted(woken, signal);
    } finally {
      clearTimeout(timer);
      this.#isDue = false;
    }
  }
}
