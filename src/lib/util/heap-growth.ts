import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** The heap grows by half of what is alive before it is collected; the space for what was just made does not grow. */
const SMALL_HEAP = ['--heap-growing-percent=50', '--semi-space-growth-factor=1'];
/** So much of buffers is worth collecting what was just made, which mostly takes less than a millisecond. */
const YOUNG_BYTES = 4 * 1024 * 1024;

/**
 * How far V8 lets the heap grow before it collects garbage. Left to itself that is several times of what is alive, of many
 * tasks that are over; and the space for what was just made comes to 32 MB within a hundred tasks, however small they are.
 *
 * Buffers are outside of the heap. Of those that a large file or a long log passes through V8 takes notice when they are
 * some 30 MB, and then it goes through all of the heap, dozens of times for 500 MB. They are garbage long before, and few of
 * the objects that were just made are alive: to collect only these, more often, takes a fraction of the time and of the
 * memory.
 */
export class HeapGrowth {
  readonly #setFlags: (flags: string) => void;
  readonly #collectYoung: () => void;
  #isLimited = false;
  #passedBytes = 0;

  /** `setFlags` takes V8's flags; `collectYoung` collects what was just made and is not used any more. */
  constructor(setFlags: (flags: string) => void, collectYoung: () => void) {
    this.#setFlags = setFlags;
    this.#collectYoung = collectYoung;
  }

  /** From now on the heap stays small. */
  limit(): void {
    this.#isLimited = true;
    for (const flag of SMALL_HEAP) this.#setFlags(flag);
  }

  /** Buffers of so many bytes were made that are soon not needed any more. */
  buffersPassed(bytes: number): void {
    this.#passedBytes += bytes;
    if (!this.#isLimited || this.#passedBytes < YOUNG_BYTES) return;
    this.#passedBytes = 0;
    this.#collectYoung();
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

/** Collects what was just made and is not used any more. How long that takes depends on what is, not on the heap's size. */
export function collectYoung(): void {
  collectGarbage ??= exposedGarbageCollection();
  collectGarbage({ type: 'minor' });
}

/** Of this process: V8 has one setting for all. */
export const heapGrowth = new HeapGrowth(setFlagsFromString, collectYoung);
