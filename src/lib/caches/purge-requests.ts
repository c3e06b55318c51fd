import type { Logger } from '../log/logger.js';
import type { PurgeCacheClient, PurgeRequest } from '../queue/purge-cache-client.js';
import { TimeoutError, delay, untilAborted, withTimeout } from '../util/abortable.js';

export interface PurgeableCaches {
  /** Outlives the worker. */
  readonly purgedUpTo: Date | undefined;
  notePurgedUpTo(time: Date): Promise<void>;
  /** Without a name: all caches. */
  purge(name: string | undefined, before: Date, reason: string): Promise<void>;
}

export interface PurgeRequestsOptions {
  readonly client: PurgeCacheClient;
  readonly caches: PurgeableCaches;
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
/** The service keeps a request for a day. */
const KEPT_MS = 24 * 3600_000;
const INTERVAL_MS = 3600_000;

/** Follows what people ask the purge-cache service for: to drop what caches of this pool held before some time. */
export class PurgeRequests {
  readonly #options: PurgeRequestsOptions;
  #current: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;
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

  /** Carries them out from time to time, as the service forgets them, until the signal aborts. */
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
      // The service may have forgotten some of the time between.
      if (since && askedAt.getTime() - since.getTime() > KEPT_MS) {
        await caches.purge(undefined, askedAt, `nobody knows what was asked for since ${since.toISOString()}`);
      }
      const purge = ({ cacheName, before }: PurgeRequest): Promise<void> =>
        caches.purge(cacheName, before, `asked for at ${before.toISOString()}`);
      await Promise.all(requests.map(purge));
      await caches.notePurgedUpTo(askedAt);
    } catch (error) {
      log.warn('purge requests could not be had', { error });
      if (error instanceof TimeoutError) this.#pausedUntilMs = performance.now() + pauseMs;
    }
  }
}
