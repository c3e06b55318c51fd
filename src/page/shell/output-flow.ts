/** Output that the terminal has not shown yet, at which the worker is asked to wait, and at which it may go on. */
const PAUSE_BYTES = 1024 * 1024;
const RESUME_BYTES = 128 * 1024;
/** The same for what can't be asked to wait: then output is left out. */
const DROP_BYTES = 4 * 1024 * 1024;

export interface FlowOptions {
  /** Shows output, and calls back when it has been shown. */
  readonly write: (data: Uint8Array | string, onShown: () => void) => void;
  /** Asks the sender to wait or to go on. Returns false if it can't. */
  readonly pause: (isPaused: boolean) => boolean;
}

/** Passes output to a terminal, which takes its time, without letting it pile up. */
export class OutputFlow {
  readonly #options: FlowOptions;
  #waitingBytes = 0;
  #droppedBytes = 0;
  #isFull = false;

  constructor(options: FlowOptions) {
    this.#options = options;
  }

  take(data: Uint8Array): void {
    if (this.#isFull && this.#waitingBytes >= DROP_BYTES) {
      this.#droppedBytes += data.length;
      return;
    }
    this.#waitingBytes += data.length;
    this.#options.write(data, () => {
      this.#shown(data.length);
    });
    if (this.#waitingBytes >= PAUSE_BYTES && !this.#isFull) {
      this.#isFull = true;
      this.#options.pause(true);
    }
  }

  #shown(bytes: number): void {
    this.#waitingBytes -= bytes;
    if (!this.#isFull || this.#waitingBytes > RESUME_BYTES) return;
    this.#isFull = false;
    if (this.#droppedBytes > 0) {
      const text = `\x1b[0m\r\n[${this.#droppedBytes.toLocaleString('en')} bytes were too fast to be shown]\r\n`;
      this.#droppedBytes = 0;
      this.#options.write(text, () => undefined);
    }
    this.#options.pause(false);
  }
}
