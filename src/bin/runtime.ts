/**
 * What the worker does to V8, node and its libraries, as a whole, for a figure that users notice. Each of these was taken
 * away by itself, in turns with a worker that had it, on 2026-11-30 (medians of 7 to 21 rounds, of 3 for small artifacts;
 * percentages are of what it is with it). What gains less than 5 % of every figure is not worth its surprises.
 *
 * | what                                        | where                      | without it                                     |
 * | ------------------------------------------- | -------------------------- | ---------------------------------------------- |
 * | minor collections, one per 4 MiB of buffers | limitMemory [1]            | image load: CPU 126 %, RSS 119 %;              |
 * |                                             |                            | a long log: CPU 121 %, RSS 122 %               |
 * | young generation held at 16 MiB             | limitMemory [2]            | RSS in 1000 small artifacts: 113 %, but CPU    |
 * |                                             |                            | 83 %; in tasks: RSS 106 %, CPU 93 %            |
 * | old generation growing by 50 %              | limitMemory [3]            | image load: RSS 106 %, but CPU 88 %            |
 * | programs in few files                       | scripts/build.mjs [4]      | start: CPU 186 %, RSS 121 %                    |
 * | ssh2 and gRPC, for dockerode, left out      | scripts/build.mjs [5]      | start: CPU 111 % and 112 %, RSS 108 % (ssh2)   |
 * | http2-wrapper, for got, left out            | scripts/build.mjs [6]      | start: CPU 110 %                               |
 * | an agent that is formatted in a word        | docker/docker-client.ts [7] | 31 ms of CPU and not 0.7 a call, with 4 tasks |
 * | connections to the queue that are kept      | queue/taskcluster-queue.ts [8] | 2.5 ms of CPU and not 0.3 a call, with TLS |
 *
 * [1] https://github.com/nodejs/node/issues/1671: buffers are collected with the whole heap, not with the young generation
 * [2] https://github.com/nodejs/node/issues/42511
 * [3] https://github.com/v8/v8/blob/main/src/flags/flag-definitions.h, heap_growing_percent
 * [4] docs/adr/0006-programs-in-few-files.md
 * [5] https://github.com/apocas/docker-modem/blob/master/lib/ssh.js; dockerode is pinned
 * [6] https://github.com/sindresorhus/got/blob/main/source/core/options.ts; got is pinned
 * [7] https://github.com/apocas/docker-modem/blob/master/lib/modem.js, buildRequest; dockerode is pinned
 * [8] https://github.com/taskcluster/taskcluster/blob/main/clients/client/src/client.js, agents; the client is pinned
 */

import { PerformanceObserver } from 'node:perf_hooks';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { onBuffersPassed } from '../lib/util/passing-buffers.js';

/** V8's old generation grows by half of what is alive before it is collected. */
const SMALL_HEAP = '--heap-growing-percent=50';
/** V8's young generation: two 8 MiB semi-spaces; survivors are copied between them. */
const YOUNG_GENERATION_BYTES = 16 * 1024 * 1024;
/** So many bytes of buffers are worth a minor collection, which mostly takes a millisecond or two. */
const MINOR_COLLECTION_BYTES = 4 * 1024 * 1024;

/** What V8 can be told, and what it tells. */
export interface Heap {
  /** Sets one of V8's flags. */
  setFlag(flag: string): void;
  /** Collects the young generation. */
  collectYoung(): void;
  /** The size of the young generation. */
  youngGenerationBytes(): number;
  /** Calls `listener` soon after each collection. */
  onCollected(listener: () => void): void;
}

/** Keeps the memory of this process small from now on. To be called when all is loaded, which takes much for a moment. */
export function limitMemory(heap: Heap = v8Heap): void {
  heap.setFlag(SMALL_HEAP);
  limitYoungGeneration(heap);
  let passedBytes = 0;
  onBuffersPassed((bytes) => {
    passedBytes += bytes;
    if (passedBytes < MINOR_COLLECTION_BYTES) return;
    passedBytes = 0;
    heap.collectYoung();
  });
}

/**
 * The young generation grows only while it is collected, and then by this factor at most. Forbidden to grow it would end at
 * 1 MiB, as V8 makes it smaller whenever a program does little; then survivors are copied, and kept for long, ten times as
 * often.
 */
function limitYoungGeneration(heap: Heap): void {
  let isGrowing: boolean | undefined;
  const look = (): void => {
    const mayGrow = heap.youngGenerationBytes() < YOUNG_GENERATION_BYTES;
    if (mayGrow === isGrowing) return;
    isGrowing = mayGrow;
    heap.setFlag(`--semi-space-growth-factor=${mayGrow ? 2 : 1}`);
  };
  look();
  heap.onCollected(look);
}

type CollectGarbage = (options: { readonly type: 'minor' }) => void;

let collectGarbage: CollectGarbage | undefined;

/** V8 gives its function to contexts that are made while the flag is set. */
function exposedGarbageCollection(): CollectGarbage {
  setFlagsFromString('--expose-gc');
  try {
    return runInNewContext('gc') as CollectGarbage;
  } finally {
    setFlagsFromString('--no-expose-gc');
  }
}

const v8Heap: Heap = {
  setFlag: setFlagsFromString,
  collectYoung: () => {
    collectGarbage ??= exposedGarbageCollection();
    collectGarbage({ type: 'minor' });
  },
  youngGenerationBytes: () =>
    getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')?.space_size ?? 0,
  onCollected: (listener) => {
    new PerformanceObserver(listener).observe({ entryTypes: ['gc'] });
  },
};
