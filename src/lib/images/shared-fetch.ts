import type { ImageInfo } from '../docker/engine.js';
import { untilAborted } from '../util/abortable.js';
import { LinkedAbort } from '../util/linked-abort.js';
import type { ImageProgress, ImageSource } from './image-provider.js';

/**
 * One fetch of an image for everybody who waits for it. It belongs to none of them: it goes on while one is left, and is
 * aborted when all have gone.
 */
export class SharedFetch {
  readonly #label: string;
  readonly #abort = new LinkedAbort();
  readonly #watchers = new Set<ImageProgress>();
  readonly #done: Promise<ImageInfo>;
  #latest: string | undefined;
  #waiting = 0;

  /** `run` decides when there is room for it; its signal aborts when nobody waits any more. */
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
    // Begun in the next turn, when the first one waits for it.
    this.#done = Promise.resolve()
      .then(() => run(progress, this.#abort.signal))
      .finally(() => {
        this.#abort.dispose();
        onEnded();
      });
    // Whoever is left hears of a failure where it waits.
    this.#done.catch(() => undefined);
  }

  /** True once all have gone: whoever comes now needs a fetch of its own. */
  get isAbandoned(): boolean {
    return this.#abort.signal.aborted;
  }

  /** Settles as the fetch does, with every line of it from now on, or rejects with the reason of `signal`. */
  async join(progress: ImageProgress, signal: AbortSignal): Promise<ImageInfo> {
    if (this.#waiting > 0) {
      progress.line(`Another task is getting the image already (${this.#label}); waiting for it.`);
      if (this.#latest !== undefined) progress.line(this.#latest);
    }
    this.#waiting += 1;
    this.#watchers.add(progress);
    try {
      return await untilAborted(this.#done, signal);
    } finally {
      this.#watchers.delete(progress);
      this.#waiting -= 1;
      if (this.#waiting === 0) this.#abort.abort(new Error('nobody waits for the image any more'));
    }
  }
}
