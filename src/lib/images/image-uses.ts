import { untilAborted } from '../util/abortable.js';

/** Somebody's use of an image, from before it is looked for until nobody needs it any more. */
export interface ImageUse {
  readonly localName: string;
  /** Undefined as long as nobody has looked. */
  imageId: string | undefined;
}

/**
 * Which images are in use and which are being removed: neither begins while the other lasts. Removing a tag can take
 * other names of the same repository with it (the engine drops `repo@sha256:…` with the last tag of `repo`), so names of
 * one repository keep each other as long as it is not known that they are different images.
 */
export class ImageUses {
  readonly #uses = new Set<ImageUse>();
  readonly #removals = new Map<string, Promise<void>>();

  /** From now on no removal of the image begins; one that began before may go on, see `removalsOver`. */
  begin(localName: string): ImageUse {
    const use: ImageUse = { localName, imageId: undefined };
    this.#uses.add(use);
    return use;
  }

  /** Harmless when called again. */
  end(use: ImageUse): void {
    this.#uses.delete(use);
  }

  /** Waits for removals that could take the image away. None begins after that while it is in use. */
  async removalsOver(localName: string, signal: AbortSignal): Promise<void> {
    const repository = repositoryOf(localName);
    const underWay = [...this.#removals].filter(([name]) => repositoryOf(name) === repository);
    for (const [, removal] of underWay) await untilAborted(removal, signal);
  }

  /** Runs `remove` unless the image is in use; fails as it does. */
  async remove(localName: string, imageId: string, remove: () => Promise<void>): Promise<void> {
    if (this.#removals.has(localName) || this.#isInUse(localName, imageId)) return;
    const removal = remove();
    // Whoever waits for it wants to know when it is over, not how it went.
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

/** The name without its tag or digest. */
function repositoryOf(localName: string): string {
  const [tagged = ''] = localName.split('@');
  const colon = tagged.indexOf(':', tagged.lastIndexOf('/') + 1);
  return colon < 0 ? tagged : tagged.slice(0, colon);
}
