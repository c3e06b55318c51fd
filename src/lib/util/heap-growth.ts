import { PerformanceObserver } from 'node:perf_hooks';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** The heap grows by half of its live size before a collection. */
const SMALL_HEAP = '--heap-growing-percent=50';
/** V8's young generation: two 8 MiB semi-spaces; survivors are copied between them. */
const YOUNG_SPACE_BYTES = 16 * 1024 * 1024;
/** After this many bytes of buffers a minor collection pays off; it mostly takes a millisecond or two. */
const YOUNG_BYTES = 4 * 1024 * 1024;

/** V8's settings and statistics that are used here. */
export interface Heap {
  /** Sets one of V8's flags. */
  setFlag(flag: string): void;
  /** Runs a minor collection (of the young generation). */
  collectYoung(): void;
  /** Returns the size of the young generation in bytes. */
  youngSpaceBytes(): number;
  /** Calls `listener` soon after each collection. */
  onCollected(listener: () => void): void;
}

/**
 * Limits how far V8 lets the heap grow before it collects garbage. By default it grows to several times its live size,
 * with data of tasks long finished, and the young generation reaches 32 MB within a hundred tasks, however small they
 * are. A young generation that stays small is no better: V8 shrinks it when idle, and with 1 MiB it copies, and
 * promotes, survivors ten times as often.
 *
 * Buffers are off-heap. V8 reacts to those of a large file or a long log only at about 30 MB, with a full collection,
 * dozens of times per 500 MB. They are garbage long before, and few young objects survive: more frequent minor
 * collections take a fraction of the time and memory.
 */
export class HeapGrowth {
  readonly #heap: Heap;
  #isLimited = false;
  #isYoungSpaceGrowing: boolean | undefined;
  #passedBytes = 0;

  constructor(heap: Heap) {
    this.#heap = heap;
  }

  /** Limits the heap from now on. */
  limit(): void {
    this.#isLimited = true;
    this.#heap.setFlag(SMALL_HEAP);
    this.#limitYoungSpace();
    this.#heap.onCollected(() => {
      this.#limitYoungSpace();
    });
  }

  /** Notes that this many bytes of short-lived buffers were allocated. */
  buffersPassed(bytes: number): void {
    this.#passedBytes += bytes;
    if (!this.#isLimited || this.#passedBytes < YOUNG_BYTES) return;
    this.#passedBytes = 0;
    this.#heap.collectYoung();
  }

  /** The young generation grows only during a collection, by at most this factor. */
  #limitYoungSpace(): void {
    const mayGrow = this.#heap.youngSpaceBytes() < YOUNG_SPACE_BYTES;
    if (mayGrow === this.#isYoungSpaceGrowing) return;
    this.#isYoungSpaceGrowing = mayGrow;
    this.#heap.setFlag(`--semi-space-growth-factor=${mayGrow ? 2 : 1}`);
  }
}

type CollectGarbage = (options: { readonly type: 'minor' }) => void;

let collectGarbage: CollectGarbage | undefined;

/** V8 exposes its function to contexts created while the flag is set, as Node's documentation shows. */
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

/** The limit for this process: V8's settings are process-wide. */
export const heapGrowth = new HeapGrowth(v8Heap);
