import type { TarEntry } from '../../artifacts/extract-tar.js';
import { tarEntries } from '../../artifacts/extract-tar.js';
import type { StoppedContainer } from '../../docker/engine.js';
import { DockerError } from '../../docker/engine.js';
import type { Logger } from '../../log/logger.js';
import { delay } from '../../util/abortable.js';
import { errorMessage } from '../../util/error-message.js';

/** The path is not what the payload says; worth an error artifact, but the task does not fail. */
export class WrongKind extends Error {}

export interface ContainerFilesDeps {
  readonly container: StoppedContainer;
  readonly log: Logger;
  /** Waits before an engine that failed is asked again. */
  readonly retryDelaysMs: readonly number[];
}

/** The files of a stopped container, from an engine that may fail now and then. */
export class ContainerFiles {
  readonly #deps: ContainerFilesDeps;

  constructor(deps: ContainerFilesDeps) {
    this.#deps = deps;
  }

  /** Gives `use` the archive of `path`, anew when it breaks off; undefined when there is no such path. */
  async read<T>(
    path: string,
    signal: AbortSignal,
    use: (entries: AsyncGenerator<TarEntry, void>) => Promise<T>,
  ): Promise<T | undefined> {
    return await this.#patiently(path, signal, async () => {
      const archive = await this.#deps.container.getArchive(path, signal);
      if (!archive) return undefined;
      const entries = tarEntries(archive, signal);
      try {
        return await use(entries);
      } finally {
        await entries.return();
      }
    });
  }

  /** Where the link at `path` leads to in the end, within the container; undefined when there is no such path. */
  async linkTarget(path: string, signal: AbortSignal): Promise<string | undefined> {
    return await this.#patiently(path, signal, () => this.#deps.container.linkTarget(path, signal));
  }

  async #patiently<T>(path: string, signal: AbortSignal, ask: () => Promise<T>): Promise<T> {
    const delaysMs = [...this.#deps.retryDelaysMs];
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof DockerError)) throw error;
        if (!error.isTransient) throw new WrongKind(`cannot be read: ${error.message}`, { cause: error });
        const delayMs = delaysMs.shift();
        if (delayMs === undefined) throw error;
        this.#deps.log.warn('reading artifact again', { path, delayMs, error: errorMessage(error) });
        await delay(delayMs, signal);
      }
    }
  }
}
