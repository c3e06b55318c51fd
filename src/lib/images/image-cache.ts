import { DockerError } from '../docker/engine.js';
import type { DockerEngine, ImageInfo } from '../docker/engine.js';
import type { Logger } from '../log/logger.js';
import type { MetricsRecorder } from '../log/metrics-recorder.js';
import { errorMessage } from '../util/error-message.js';
import { Semaphore } from '../util/semaphore.js';
import { imageError } from './image-error.js';
import type { ImageRecords } from './image-records.js';
import type {
  FetchedImage,
  ImageFacts,
  ImageIdentity,
  ImageLease,
  ImageProgress,
  ImageSource,
} from './image-provider.js';
import type { ImageUse, ImageUses } from './image-uses.js';
import { SharedFetch } from './shared-fetch.js';

export interface ImageCacheDeps {
  readonly engine: Pick<DockerEngine, 'inspectImage' | 'removeImage'>;
  readonly imageRecords: ImageRecords;
  readonly uses: ImageUses;
  readonly log: Logger;
  readonly metrics?: Pick<MetricsRecorder, 'imageAcquired' | 'imageFetched'>;
  /** How many different images are fetched at a time. */
  readonly parallelFetches: number;
}

const ADVICE = {
  whenTransient: 'The Docker engine failed; this is not a mistake of the task.',
  whenFinal: 'Check payload.image.',
};

/** The images of this machine: each is fetched once for all tasks that request it, and kept while one uses it. */
export class ImageCache {
  readonly #deps: ImageCacheDeps;
  readonly #semaphore: Semaphore;
  /** By local name. */
  readonly #fetches = new Map<string, SharedFetch>();

  constructor(deps: ImageCacheDeps) {
    this.#deps = deps;
    this.#semaphore = new Semaphore(deps.parallelFetches);
  }

  /** Fetches the image unless it is here. It counts as in use from this call until the lease is disposed of. */
  async acquire(source: ImageSource, progress: ImageProgress, signal: AbortSignal): Promise<ImageLease> {
    const { imageRecords, uses, log, metrics } = this.#deps;
    const { localName } = source;
    const use = uses.begin(localName);
    try {
      await uses.waitForRemovals(localName, signal);
      const present = await this.#find(source, signal);
      const image = present ?? (await this.#fetchOf(source).join(progress, signal));
      log.info('ensure image', { image: localName, imageId: image.id, pulled: present === undefined });
      metrics?.imageAcquired(present !== undefined);
      const line = source.using?.(image.id);
      if (line !== undefined) progress.line(line);
      use.imageId = image.id;
      const { artifactHash } = imageRecords.used(localName, image.id);
      return this.#lease(use, { image, artifactHash });
    } catch (error) {
      uses.end(use);
      throw error;
    }
  }

  /** Takes over the lease of a worker that died, as `ImageProvider.adopt` says. */
  async adopt({ localName, image, artifactHash }: ImageFacts, signal: AbortSignal): Promise<ImageLease> {
    const { imageRecords, uses } = this.#deps;
    const use = uses.begin(localName);
    use.imageId = image.id;
    try {
      await uses.waitForRemovals(localName, signal);
    } catch (error) {
      uses.end(use);
      throw error;
    }
    imageRecords.stillUsed(localName, image.id);
    return this.#lease(use, { image, artifactHash });
  }

  #lease(use: ImageUse, { image, artifactHash }: ImageIdentity): ImageLease {
    const { uses, imageRecords } = this.#deps;
    const { localName } = use;
    const facts = { localName, image, ...(artifactHash !== undefined && { artifactHash }) };
    let isHeld = true;
    let isUsable = true;
    const markUnusable = (): void => {
      isUsable = false;
    };
    const dispose = async (): Promise<void> => {
      if (!isHeld) return;
      isHeld = false;
      imageRecords.stillUsed(localName, image.id);
      uses.end(use);
      if (!isUsable) await this.#discard(localName, image.id);
    };
    return { image, artifactHash, facts, markUnusable, dispose };
  }

  /** Removes an unusable image: otherwise every task that requests it would fail, even if only this copy is damaged. */
  async #discard(localName: string, imageId: string): Promise<void> {
    const { engine, imageRecords, log, uses } = this.#deps;
    if (imageRecords.find(localName, imageId)?.wasFetched !== true) return;
    try {
      await uses.remove(localName, imageId, async () => {
        await engine.removeImage(localName);
        imageRecords.forget(localName);
        log.info('image removed', { image: localName, imageId, reason: 'unusable' });
      });
    } catch (error) {
      log.warn('image not removed', { image: localName, imageId, error: errorMessage(error) });
    }
  }

  /** Returns the image if the one on this machine can be used. */
  async #find(source: ImageSource, signal: AbortSignal): Promise<ImageInfo | undefined> {
    const image = await this.#inspect(source, signal);
    if (!image || !source.needsArtifactHash) return image;
    return this.#deps.imageRecords.find(source.localName, image.id)?.artifactHash === undefined ? undefined : image;
  }

  async #inspect({ localName, label }: ImageSource, signal: AbortSignal): Promise<ImageInfo | undefined> {
    try {
      return await this.#deps.engine.inspectImage(localName, signal);
    } catch (error) {
      throw signal.aborted ? error : imageError(label, 1, error, ADVICE);
    }
  }

  #fetchOf(source: ImageSource): SharedFetch {
    const { localName } = source;
    const inProgress = this.#fetches.get(localName);
    if (inProgress && !inProgress.isAbandoned) return inProgress;
    const fetch = new SharedFetch(
      source,
      (progress, signal) => this.#fetch(source, progress, signal),
      () => {
        if (this.#fetches.get(localName) === fetch) this.#fetches.delete(localName);
      },
    );
    this.#fetches.set(localName, fetch);
    return fetch;
  }

  async #fetch(source: ImageSource, progress: ImageProgress, signal: AbortSignal): Promise<ImageInfo> {
    const { uses, imageRecords } = this.#deps;
    // A separate use: the fetch may outlast the last task for a while.
    const use = uses.begin(source.localName);
    try {
      // A fetch that has just ended may have brought it.
      const present = await this.#find(source, signal);
      if (present) return present;
      const fetched = await this.#timedFetch(source, progress, signal);
      const image = await this.#inspect(source, signal);
      if (!image) {
        throw imageError(source.label, 1, new DockerError('the image vanished after its fetch', undefined), ADVICE);
      }
      await imageRecords.fetched(source.localName, image.id, fetched);
      return image;
    } finally {
      uses.end(use);
    }
  }

  async #inTurn<T>(attempt: () => Promise<T>, progress: ImageProgress, signal: AbortSignal): Promise<T> {
    const { parallelFetches } = this.#deps;
    if (this.#semaphore.isFull) {
      progress.line(`Waiting: this worker is fetching ${parallelFetches} other images.`);
    }
    return await this.#semaphore.run(attempt, signal);
  }

  async #timedFetch(source: ImageSource, progress: ImageProgress, signal: AbortSignal): Promise<FetchedImage> {
    const startedAt = performance.now();
    const end = (isDone: boolean): void => {
      this.#deps.metrics?.imageFetched(source.origin, (performance.now() - startedAt) / 1000, isDone);
    };
    try {
      const fetched = await source.fetch(progress, (attempt) => this.#inTurn(attempt, progress, signal), signal);
      end(true);
      return fetched;
    } catch (error) {
      // All tasks have left: this is not a failure of the image.
      if (!signal.aborted) end(false);
      throw error;
    }
  }
}
