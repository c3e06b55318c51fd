import { DockerError } from '../docker/engine.js';
import type { DockerEngine } from '../docker/engine.js';
import type { GarbageSource } from '../gc/garbage-source.js';
import type { Logger } from '../log/logger.js';
import { errorMessage } from '../util/error-message.js';
import type { ImageRecords, ImageRecord } from './image-records.js';
import type { ImageUses } from './image-uses.js';

export interface UnusedImagesDeps {
  readonly engine: Pick<DockerEngine, 'inspectImage' | 'removeImage'>;
  readonly imageRecords: ImageRecords;
  readonly uses: ImageUses;
  readonly log: Logger;
  readonly now: () => Date;
  /** How long an image is kept after its last use, in ms. */
  readonly expirationMs: number;
  /** False: the machine may be a developer's own, and only images that the worker fetched are removed. */
  readonly wholeMachine: boolean;
}

type Reason = 'expired' | 'disk short';

/** Removes images that tasks have used and that are no longer in use: by name, so that an image's other names stay. */
export class UnusedImages implements GarbageSource {
  readonly name = 'images';
  readonly #deps: UnusedImagesDeps;

  constructor(deps: UnusedImagesDeps) {
    this.#deps = deps;
  }

  async collect(isDiskShort: () => Promise<boolean>, signal: AbortSignal): Promise<void> {
    const { imageRecords, now, expirationMs } = this.#deps;
    const isExpired = ({ lastUsedAt }: ImageRecord): boolean =>
      Date.parse(lastUsedAt) + expirationMs <= now().getTime();
    for (const record of imageRecords.leastRecentlyUsed.filter(isExpired)) {
      if (this.#mayRemove(record)) await this.#discard(record, 'expired', signal);
      else imageRecords.forget(record.localName);
    }
    for (const record of imageRecords.leastRecentlyUsed.filter((each) => this.#mayRemove(each))) {
      if (!(await isDiskShort())) return;
      await this.#discard(record, 'disk short', signal);
    }
  }

  #mayRemove({ wasFetched }: ImageRecord): boolean {
    return wasFetched || this.#deps.wholeMachine;
  }

  async #discard(record: ImageRecord, reason: Reason, signal: AbortSignal): Promise<void> {
    const { uses, log } = this.#deps;
    signal.throwIfAborted();
    const { localName: image, imageId } = record;
    try {
      await uses.remove(image, imageId, () => this.#remove(record, reason, signal));
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      const facts = { image, imageId, error: errorMessage(error) };
      // 409: a container of it exists that is not the worker's, or that the worker could not remove yet.
      if (error instanceof DockerError && error.status === 409) log.debug('image not removed', facts);
      else log.warn('image not removed', facts);
    }
  }

  async #remove({ localName, imageId }: ImageRecord, reason: Reason, signal: AbortSignal): Promise<void> {
    const { engine, imageRecords, log } = this.#deps;
    const present = await engine.inspectImage(localName, signal);
    // Otherwise another client has removed it, or given its name to another image, which is not the worker's.
    if (present?.id === imageId) {
      await engine.removeImage(localName);
      log.info('image removed', { image: localName, imageId, reason });
    }
    imageRecords.forget(localName);
  }
}
