import type { Logger } from '../log/logger.js';
import type { PurgeCacheClient } from '../queue/purge-cache-client.js';
import { TimeoutError, untilAborted, withTimeout } from '../util/abortable.js';

export interface PurgeRequestsOptions {
  readonly client: PurgeCacheClient;
  readonly caches: { purge(name: string, before: Date): Promise<void> };
  readonly log: Logger;
  readonly now: () => Date;
  /** How long tasks wait for an answer. Default: 5 s. */
  readonly timeoutMs?: number;
  /** After a call that was not answered in time, tasks wait for none for so long. Default: a minute. */
  readonly pauseMs?: number;
}

/** A request may be older than its arrival at the service, and the service's clock behind ours. */
const OVERLAP_MS = 5 * 60_000;
const TIMEOUT_MS = 5000;
const PAUSE_MS = 60_000;

/** Follows what people ask the purge-cache service for: to drop what caches of this pool held before some time. */
export class PurgeRequests {
  readonly #options: PurgeRequestsOptions;
  #current: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;
  /** undefined: all that the service still has. */
  #since: Date | undefined;
  #pausedUntilMs = -Infinity;

  constructor(options: PurgeRequestsOptions) {
    this.#options = options;
  }

  /**
   * Carries out all requests made before this call, so that a task created after one gets no cache of before it. Calls of
   * the same time share one request. A service that can't be reached is logged and holds nobody up for long; rejects
   * only with the signal's reason.
   */
  async apply(signal: AbortSignal): Promise<void> {
    // A request under way may have been answered before: it takes one that begins now.
    this.#next ??= this.#current.then(() => {
      this.#next = undefined;
      this.#current = this.#ask();
      return this.#current;
    });
    await untilAborted(this.#next, signal);
  }

  async #ask(): Promise<void> {
    const { client, caches, log, now, timeoutMs = TIMEOUT_MS, pauseMs = PAUSE_MS } = this.#options;
    if (performance.now() < this.#pausedUntilMs) return;
    const askedAt = now();
    try {
      const requests = await withTimeout('purgeCache.purgeRequests', timeoutMs, (signal) =>
        client.purgeRequests(this.#since, signal),
      );
      this.#since = new Date(askedAt.getTime() - OVERLAP_MS);
      await Promise.all(requests.map(({ cacheName, before }) => caches.purge(cacheName, before)));
    } catch (error) {
      log.warn('purge requests could not be had', { error });
      if (error instanceof TimeoutError) this.#pausedUntilMs = performance.now() + pauseMs;
    }
  }
}
