import { setFlagsFromString } from 'node:v8';

/** By how much of what is alive the heap grows before it is collected. */
const SMALL_PERCENT = 50;
/** The buffers of a stream count as growth: with less, V8 goes through the whole heap for every ten megabytes of them. */
const STREAMING_PERCENT = 200;
/** By how much the space for what was just made grows when much of that is alive: not at all, or as V8 would have it. */
const SMALL_FACTOR = 1;
const STREAMING_FACTOR = 2;

/**
 * How far V8 lets the heap grow before it collects garbage. Left to itself that is several times of what is alive, of many
 * tasks that are over; a heap that is kept small makes a large file or a long log cost twice the processor time, for
 * nothing. The space for what was just made would come to 32 MB within a hundred tasks, however small they are.
 */
export class HeapGrowth {
  readonly #setFlags: (flags: string) => void;
  #streams = 0;
  #isLimited = false;

  /** `setFlags` takes V8's flags. */
  constructor(setFlags: (flags: string) => void) {
    this.#setFlags = setFlags;
  }

  /** From now on the heap stays small, but for the time of a stream. */
  limit(): void {
    this.#isLimited = true;
    this.#apply();
  }

  /** Much is about to pass through, in a file or in a log; call what is returned when it has. */
  beginStream(): () => void {
    this.#streams += 1;
    if (this.#streams === 1) this.#apply();
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      this.#streams -= 1;
      if (this.#streams === 0) this.#apply();
    };
  }

  #apply(): void {
    if (!this.#isLimited) return;
    const isStreaming = this.#streams > 0;
    this.#setFlags(`--heap-growing-percent=${isStreaming ? STREAMING_PERCENT : SMALL_PERCENT}`);
    this.#setFlags(`--semi-space-growth-factor=${isStreaming ? STREAMING_FACTOR : SMALL_FACTOR}`);
  }
}

/** Of this process: V8 has one setting for all. */
export const heapGrowth = new HeapGrowth(setFlagsFromString);
