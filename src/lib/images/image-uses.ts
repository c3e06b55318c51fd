import { untilAborted } from '../util/abortable.js';

/** One use of an image, from before its lookup until it is no longer needed. */
export interface ImageUse {
  readonly localName: string;
  /** Undefined until the lookup. */
  imageId: string | undefined;
}

/**
 * Knows which images are in use and which are being removed: neither begins while the other lasts. Removing a tag can
 * remove other names of the same repository (the engine drops `repo@sha256:…` with the last tag of `repo`), so names of
 * one repository protect each other until they are known to be different images.
 */
export class ImageUses {
  readonly #uses = new Set<ImageUse>();
  readonly #removals = new Map<string, Promise<void>>();

  /** Begins a use. No removal of the image begins from now on; an earlier one may continue, see `waitForRemovals`. */
  begin(localName: string): ImageUse {
    const use: ImageUse = { localName, imageId: undefined };
    this.#uses.add(use);
    return use;
  }

  /** Ends a use; harmless when repeated. */
  end(use: ImageUse): void {
    this.#uses.delete(use);
  }

  /** The names of the images in use. */
  get names(): ReadonlySet<string> {
    return new Set([...this.#uses].map(({ localName }) => localName));
  }

  /** Waits for removals that could remove the image. No other begins while it is in use. */
  async waitForRemovals(localName: string, signal: AbortSignal): Promise<void> {
    const repository = repositoryOf(localName);
    const inProgress = [...this.#removals].filter(([name]) => repositoryOf(name) === repository);
    for (const [, removal] of inProgress) await untilAborted(removal, signal);
  }

  /** Runs `remove` unless the image is in use; fails as `remove` does. */
  async remove(localName: string, imageId: string, remove: () => Promise<void>): Promise<void> {
    if (this.#removals.has(localName) || this.#isInUse(localName, imageId)) return;
    const removal = remove();
    // A use that waits only needs to know when it is over, not whether it succeeded.
    this.#removals.set(
      localName,
      removal.catch(() => undefined),
    );
    try {
      await removal;
    } finally {
      this.#removals.delete(localName);
    }
  }

  #isInUse(localName: string, imageId: string): boolean {
    const repository = repositoryOf(localName);
    return [...this.#uses].some((use) => {
      if (use.localName === localName || use.imageId === imageId) return true;
      return use.imageId === undefined && repositoryOf(use.localName) === repository;
    });
  }
}

/** Returns the name without its tag or digest. */
function repositoryOf(localName: string): string {
  const [tagged = ''] = localName.split('@');
  const colon = tagged.indexOf(':', tagged.lastIndexOf('/') + 1);
  return colon < 0 ? tagged : tagged.slice(0, colon);
}
