/**
 * Process-wide changes to V8, Node and libraries, each for a figure that users notice. Each was removed alone and
 * measured in alternation with a worker that had it, on 2026-11-30 (medians of 7 to 21 rounds, of 3 for small
 * artifacts; 100 % is the figure with it). Less than 5 % of every figure is not worth the surprises.
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
 * | an agent with a one-word debug format       | docker/docker-client.ts [7] | 31 ms of CPU per call, not 0.7, with 4 tasks |
 * | keep-alive connections to the queue         | queue/taskcluster-queue.ts [8] | 2.5 ms of CPU per call, not 0.3, with TLS |
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

/** V8 collects its old generation once it has grown by half of what is live. */
const SMALL_HEAP = '--heap-growing-percent=50';
/** V8's young generation: two 8 MiB semi-spaces; survivors are copied between them. */
const YOUNG_GENERATION_BYTES = 16 * 1024 * 1024;
/** The bytes of buffers after which a minor collection is worthwhile; it mostly takes a millisecond or two. */
const MINOR_COLLECTION_BYTES = 4 * 1024 * 1024;

/** V8's controls and figures of the heap. */
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

/** Keeps this process's memory small from now on. Call it when all is loaded: loading briefly needs much memory. */
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
 * Limits the size of the young generation, which grows only during a collection, at most by this factor. If it never
 * grew, it would end at 1 MiB, because V8 shrinks it whenever a program is idle; then survivors are copied, and
 * promoted, ten times as often.
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

/** Returns V8's gc function, which contexts get if they are made while the flag is set. */
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
