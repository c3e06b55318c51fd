import v8 from 'node:v8';

/**
 * Suits V8's garbage collector to a process that lives long, has little alive, and through which gigabytes pass. To be called
 * once, before anything else is done.
 *
 * - Left to itself the heap grows to several times of what is alive before anything is collected: of many tasks that are over.
 * - Buffers count as memory outside of the heap. For every so many MiB of them V8 would begin to mark the whole heap in small
 *   steps, over and over while a log, an artifact or an image is passed on, though nearly all of them are garbage that the next
 *   collection of young objects frees. Marking in one go, when the heap has really grown, takes some 20 ms. The price is
 *   memory: buffers that outlived such a collection stay longer (docs/performance.md).
 */
export function collectGarbageCheaply(): void {
  v8.setFlagsFromString('--heap-growing-percent=50');
  v8.setFlagsFromString('--no-incremental-marking');
}
