import type { Logger } from '../log/logger.js';
import type { PurgeCacheClient, PurgeRequest } from '../queue/purge-cache-client.js';
import { TimeoutError, delay, untilAborted, withTimeout } from '../util/abortable.js';
import type { VolumeCaches } from './volume-cache.js';

export type PurgeableCaches = Pick<VolumeCaches, 'purgedUpTo' | 'notePurgedUpTo' | 'purge'>;

export interface PurgeRequestsOptions {
  readonly client: PurgeCacheClient;
  readonly caches: PurgeableCaches;
  readonly log: Logger;
  readonly now: () => Date;
  /** How long tasks wait for a response. Default: 5 s. */
  readonly timeoutMs?: number;
  /** How long tasks do not wait for responses after a call timed out. Default: a minute. */
  readonly pauseMs?: number;
}

/** A request may predate its arrival at the service, and the service's clock may be behind ours. */
const OVERLAP_MS = 5 * 60_000;
const TIMEOUT_MS = 5000;
const PAUSE_MS = 60_000;
/** The service keeps a request for a day. */
const KEPT_MS = 24 * 3600_000;
const INTERVAL_MS = 3600_000;

/** Applies requests of the purge-cache service: to drop content that this pool's caches held before a given time. */
export class PurgeRequests {
  readonly #options: PurgeRequestsOptions;
  #current: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;
  #pausedUntilMs = -Infinity;

  constructor(options: PurgeRequestsOptions) {
    this.#options = options;
  }

  /**
   * Applies all requests made before this call, so that a task created after a request gets no older cache. Concurrent
   * calls share one request. If the service can't be reached, that is logged and tasks wait only briefly; rejects only
   * with the signal's reason.
   */
  async apply(signal: AbortSignal): Promise<void> {
    // A request in progress may have been answered before this call: it needs one that begins now.
    this.#next ??= this.#current.then(() => {
      this.#next = undefined;
      this.#current = this.#ask();
      return this.#current;
    });
    await untilAborted(this.#next, signal);
  }

  /** Applies requests at intervals, because the service forgets them, until the signal aborts. */
  async follow(signal: AbortSignal, intervalMs = INTERVAL_MS): Promise<void> {
    for (;;) {
      try {
        await delay(intervalMs, signal);
        await this.apply(signal);
      } catch (error) {
        if (signal.aborted) return;
        throw error;
      }
    }
  }

  async #ask(): Promise<void> {
    const { client, caches, log, now, timeoutMs = TIMEOUT_MS, pauseMs = PAUSE_MS } = this.#options;
    if (performance.now() < this.#pausedUntilMs) return;
    const askedAt = now();
    const upTo = caches.purgedUpTo;
    const since = upTo && new Date(upTo.getTime() - OVERLAP_MS);
    try {
      const requests = await withTimeout('purgeCache.purgeRequests', timeoutMs, (signal) =>
        client.purgeRequests(since, signal),
      );
      // The service may have forgotten some of the requests made in between.
      if (since && askedAt.getTime() - since.getTime() > KEPT_MS) {
        await caches.purge(undefined, askedAt, `requests since ${since.toISOString()} may have been lost`);
      }
      const purge = ({ cacheName, before }: PurgeRequest): Promise<void> =>
        caches.purge(cacheName, before, `requested at ${before.toISOString()}`);
      await Promise.all(requests.map(purge));
      await caches.notePurgedUpTo(askedAt);
    } catch (error) {
      log.warn('purge requests not fetched', { error });
      if (error instanceof TimeoutError) this.#pausedUntilMs = performance.now() + pauseMs;
    }
  }
}
