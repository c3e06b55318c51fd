type Release = () => void | Promise<void>;

/**
 * The resources of a piece of work, released newest first. Every release runs, whatever the others do; a failure goes
 * to `onError`, never to the caller. Registering on a closed stack releases at once, so nothing acquired late leaks.
 */
export class ResourceStack {
  readonly #onError: (name: string, error: unknown) => void;
  readonly #releases: { readonly name: string; readonly release: Release }[] = [];
  #closed = false;

  constructor(onError: (name: string, error: unknown) => void) {
    this.#onError = onError;
  }

  /** Runs `release` when the stack closes. `name` identifies it in the worker's log if it fails. */
  defer(name: string, release: Release): void {
    if (this.#closed) {
      void this.#run(name, release);
      return;
    }
    this.#releases.push({ name, release });
  }

  /** Registers a disposable resource and returns it, so that acquiring and registering fit in one line. */
  use<T extends { dispose(): void | Promise<void> }>(name: string, resource: T): T {
    this.defer(name, () => resource.dispose());
    return resource;
  }

  /** Returns a separate, unregistered stack for a part of the work; it reports failures under the part's name. */
  nested(part: string): ResourceStack {
    return new ResourceStack((name, error) => {
      this.#onError(`${part}: ${name}`, error);
    });
  }

  /** Releases everything, newest first. Calling it again has no effect. */
  async close(): Promise<void> {
    this.#closed = true;
    for (let next = this.#releases.pop(); next; next = this.#releases.pop()) {
      await this.#run(next.name, next.release);
    }
  }

  async #run(name: string, release: Release): Promise<void> {
    try {
      await release();
    } catch (error) {
      this.#onError(name, error);
    }
  }
}
