import type { ImageInfo } from '../docker/engine.js';
import { untilAborted } from '../util/abortable.js';
import { LinkedAbort } from '../util/linked-abort.js';
import type { ImageProgress, ImageSource } from './image-provider.js';

/**
 * One fetch of an image for all tasks that wait for it. It belongs to none of them: it continues while one is left, and
 * is aborted after the last one has left.
 */
export class SharedFetch {
  readonly #label: string;
  readonly #abort = new LinkedAbort();
  readonly #watchers = new Set<ImageProgress>();
  readonly #done: Promise<ImageInfo>;
  #latest: string | undefined;
  #waiting = 0;

  /** `run` decides when a slot is free; its signal aborts when no task waits any more. */
  constructor(
    source: ImageSource,
    run: (progress: ImageProgress, signal: AbortSignal) => Promise<ImageInfo>,
    onEnded: () => void,
  ) {
    this.#label = source.label;
    const progress = {
      line: (text: string): void => {
        this.#latest = text;
        for (const watcher of this.#watchers) watcher.line(text);
      },
    };
    // Started in the next turn, when the first task waits for it.
    this.#done = Promise.resolve()
      .then(() => run(progress, this.#abort.signal))
      .finally(() => {
        this.#abort.dispose();
        onEnded();
      });
    // The tasks that are left get a failure in `join`.
    this.#done.catch(() => undefined);
  }

  /** True once all tasks have left: the next one needs a fetch of its own. */
  get isAbandoned(): boolean {
    return this.#abort.signal.aborted;
  }

  /** Passes on every line from now on, and settles as the fetch does, or rejects with the reason of `signal`. */
  async join(progress: ImageProgress, signal: AbortSignal): Promise<ImageInfo> {
    if (this.#waiting > 0) {
      progress.line(`Another task is already fetching the image (${this.#label}); waiting for it.`);
      if (this.#latest !== undefined) progress.line(this.#latest);
    }
    this.#waiting += 1;
    this.#watchers.add(progress);
    try {
      return await untilAborted(this.#done, signal);
    } finally {
      this.#watchers.delete(progress);
      this.#waiting -= 1;
      if (this.#waiting === 0) this.#abort.abort(new Error('no task waits for the image any more'));
    }
  }
}
