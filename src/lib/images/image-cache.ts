import { DockerError } from '../docker/engine.js';
import type { DockerEngine, ImageInfo } from '../docker/engine.js';
import type { Logger } from '../log/logger.js';
import { Slots } from '../util/slots.js';
import { imageError } from './image-error.js';
import type { FetchedImage, ImageLease, ImageProgress, ImageSource } from './image-provider.js';
import { SharedFetch } from './shared-fetch.js';

export interface ImageCacheDeps {
  readonly engine: Pick<DockerEngine, 'inspectImage'>;
  readonly log: Logger;
  /** Fetches of different images at a time. */
  readonly parallelFetches: number;
}

const ADVICE = {
  whenTransient: 'The Docker engine is in trouble; this is not a mistake of the task.',
  whenFinal: 'Check payload.image.',
};

/** The images of this machine: each is fetched once, however many tasks want it, and held while one of them uses it. */
export class ImageCache {
  readonly #deps: ImageCacheDeps;
  readonly #slots: Slots;
  /** By local name. */
  readonly #fetches = new Map<string, SharedFetch>();
  /** By local name: how many tasks want or use the image. */
  readonly #holders = new Map<string, number>();
  /** Of the artifact that an image was loaded from, with the image's id at that time; by local name. */
  readonly #hashes = new Map<string, { readonly imageId: string; readonly artifactHash: string }>();
  #busyFetches = 0;

  constructor(deps: ImageCacheDeps) {
    this.#deps = deps;
    this.#slots = new Slots(deps.parallelFetches);
  }

  /** Gets the image unless it is here. It is held from this call on, until the lease is disposed of. */
  async acquire(source: ImageSource, progress: ImageProgress, signal: AbortSignal): Promise<ImageLease> {
    const { localName } = source;
    const release = this.#hold(localName);
    try {
      const present = await this.#find(source, signal);
      const image = present ?? (await this.#fetched(source, progress, signal));
      this.#deps.log.info('ensure image', { image: localName, imageId: image.id, pulled: present === undefined });
      const known = this.#hashes.get(localName);
      const artifactHash = known?.imageId === image.id ? known.artifactHash : undefined;
      return { image, artifactHash, dispose: release };
    } catch (error) {
      release();
      throw error;
    }
  }

  /** True while a task wants or uses the image: it must not be removed. */
  isHeld(localName: string): boolean {
    return this.#holders.has(localName);
  }

  #hold(localName: string): () => void {
    this.#holders.set(localName, (this.#holders.get(localName) ?? 0) + 1);
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      const others = (this.#holders.get(localName) ?? 1) - 1;
      if (others > 0) this.#holders.set(localName, others);
      else this.#holders.delete(localName);
    };
  }

  async #find({ localName, label }: ImageSource, signal: AbortSignal): Promise<ImageInfo | undefined> {
    try {
      return await this.#deps.engine.inspectImage(localName, signal);
    } catch (error) {
      throw signal.aborted ? error : imageError(label, 1, error, ADVICE);
    }
  }

  async #fetched(source: ImageSource, progress: ImageProgress, signal: AbortSignal): Promise<ImageInfo> {
    const { artifactHash } = await this.#fetchOf(source).join(progress, signal);
    const image = await this.#find(source, signal);
    if (!image) {
      throw imageError(source.label, 1, new DockerError('the image is gone right after it came', undefined), ADVICE);
    }
    if (artifactHash !== undefined) this.#hashes.set(source.localName, { imageId: image.id, artifactHash });
    return image;
  }

  #fetchOf(source: ImageSource): SharedFetch {
    const { localName } = source;
    const underWay = this.#fetches.get(localName);
    if (underWay && !underWay.isAbandoned) return underWay;
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

  async #fetch(source: ImageSource, progress: ImageProgress, signal: AbortSignal): Promise<FetchedImage> {
    if (this.#busyFetches >= this.#deps.parallelFetches) {
      progress.line(`Waiting: this worker gets ${this.#deps.parallelFetches} other images just now.`);
    }
    this.#busyFetches += 1;
    try {
      return await this.#slots.run(() => source.fetch(progress, signal), signal);
    } finally {
      this.#busyFetches -= 1;
    }
  }
}
