import { PerformanceObserver } from 'node:perf_hooks';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** The heap grows by half of what is alive before it is collected. */
const SMALL_HEAP = '--heap-growing-percent=50';
/** Two halves of 8 MiB, between which it is copied what was just made and is still used. */
const YOUNG_SPACE_BYTES = 16 * 1024 * 1024;
/** So much of buffers is worth collecting what was just made, which mostly takes a millisecond or two. */
const YOUNG_BYTES = 4 * 1024 * 1024;

/** What V8 can be told, and what it tells. */
export interface Heap {
  /** Takes one of V8's flags. */
  setFlag(flag: string): void;
  /** Collects what was just made and is not used any more. */
  collectYoung(): void;
  /** The size of the space for what was just made, in bytes. */
  youngSpaceBytes(): number;
  /** Calls `listener` soon after each collection. */
  onCollected(listener: () => void): void;
}

/**
 * How far V8 lets the heap grow before it collects garbage. Left to itself that is several times of what is alive, of many
 * tasks that are over; and the space for what was just made comes to 32 MB within a hundred tasks, however small they are.
 * That one must not stay small either: V8 makes it smaller whenever there is little to do, and with 1 MiB what is still
 * used is copied, and kept for long, ten times as often.
 *
 * Buffers are outside of the heap. Of those that a large file or a long log passes through V8 takes notice when they are
 * some 30 MB, and then it goes through all of the heap, dozens of times for 500 MB. They are garbage long before, and few of
 * the objects that were just made are alive: to collect only these, more often, takes a fraction of the time and of the
 * memory.
 */
export class HeapGrowth {
  readonly #heap: Heap;
  #isLimited = false;
  #isYoungSpaceGrowing: boolean | undefined;
  #passedBytes = 0;

  constructor(heap: Heap) {
    this.#heap = heap;
  }

  /** From now on the heap stays small. */
  limit(): void {
    this.#isLimited = true;
    this.#heap.setFlag(SMALL_HEAP);
    this.#limitYoungSpace();
    this.#heap.onCollected(() => {
      this.#limitYoungSpace();
    });
  }

  /** Buffers of so many bytes were made that are soon not needed any more. */
  buffersPassed(bytes: number): void {
    this.#passedBytes += bytes;
    if (!this.#isLimited || this.#passedBytes < YOUNG_BYTES) return;
    this.#passedBytes = 0;
    this.#heap.collectYoung();
  }

  /** It only grows while it is collected, and then by this factor at most. */
  #limitYoungSpace(): void {
    const mayGrow = this.#heap.youngSpaceBytes() < YOUNG_SPACE_BYTES;
    if (mayGrow === this.#isYoungSpaceGrowing) return;
    this.#isYoungSpaceGrowing = mayGrow;
    this.#heap.setFlag(`--semi-space-growth-factor=${mayGrow ? 2 : 1}`);
  }
}

type CollectGarbage = (options: { readonly type: 'minor' }) => void;

let collectGarbage: CollectGarbage | undefined;

/** V8 gives its function to scripts that are made while the flag is set: that is how node's documentation shows it. */
function exposedGarbageCollection(): CollectGarbage {
  setFlagsFromString('--expose-gc');
  try {
    return runInNewContext('gc') as CollectGarbage;
  } finally {
    setFlagsFromString('--no-expose-gc');
  }
}

function youngSpaceBytes(): number {
  return getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')?.space_size ?? 0;
}

/** The heap of this process. */
export const v8Heap: Heap = {
  setFlag: setFlagsFromString,
  collectYoung: () => {
    collectGarbage ??= exposedGarbageCollection();
    collectGarbage({ type: 'minor' });
  },
  youngSpaceBytes,
  onCollected: (listener) => {
    new PerformanceObserver(listener).observe({ entryTypes: ['gc'] });
  },
};

/** Of this process: V8 has one setting for all. */
export const heapGrowth = new HeapGrowth(v8Heap);
