import type { TarEntry } from '../../artifacts/extract-tar.js';
import { tarEntries } from '../../artifacts/extract-tar.js';
import type { StoppedContainer } from '../../docker/engine.js';
import { ContainerGoneError } from '../../docker/engine.js';
import type { Logger } from '../../log/logger.js';
import { isErrorOf, isRetryable } from '../../outcome/service-error.js';
import { errorMessage } from '../../util/error-message.js';
import { retry } from '../../util/retry.js';
import type { RetryPolicy } from '../../util/retry.js';

/** The path is not of the kind that the payload says. This causes an error artifact, but the task does not fail. */
export class WrongKind extends Error {}

export interface ContainerFilesDeps {
  readonly container: StoppedContainer;
  readonly log: Logger;
  /** Retries after an engine failed or an archive broke off. */
  readonly retries: RetryPolicy;
}

/** The files of a stopped container. Retries while the engine fails. */
export class ContainerFiles {
  readonly #deps: ContainerFilesDeps;

  constructor(deps: ContainerFilesDeps) {
    this.#deps = deps;
  }

  /** Calls `use` with the archive of `path`, and again if it breaks off. Returns undefined without such a path. */
  async read<T>(
    path: string,
    signal: AbortSignal,
    use: (entries: AsyncGenerator<TarEntry, void>) => Promise<T>,
  ): Promise<T | undefined> {
    return await this.#withRetries(path, signal, async () => {
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

  /** Returns the final target, within the container, of the link at `path`; undefined without such a path. */
  async linkTarget(path: string, signal: AbortSignal): Promise<string | undefined> {
    return await this.#withRetries(path, signal, () => this.#deps.container.linkTarget(path, signal));
  }

  async #withRetries<T>(path: string, signal: AbortSignal, request: () => Promise<T>): Promise<T> {
    const { log, retries } = this.#deps;
    const onRetry = (error: unknown, _attempt: number, delayMs: number): void => {
      log.warn('reading artifact again', { path, delayMs: Math.round(delayMs), error: errorMessage(error) });
    };
    try {
      return await retry(retries, { isRetryable, onRetry }, request, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!isErrorOf(error, 'docker') || error.retryable || error instanceof ContainerGoneError) throw error;
      throw new WrongKind(`It cannot be read: ${error.message}`, { cause: error });
    }
  }
}
