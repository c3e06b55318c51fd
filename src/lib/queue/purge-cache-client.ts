/** Somebody wants caches of this name dropped that were made before a time. */
export interface PurgeRequest {
  readonly cacheName: string;
  readonly before: Date;
}

/** The purge-cache service as a worker sees it. */
export interface PurgeCacheClient {
  /** The open requests for the worker's pool, those since a time when one is given. One attempt; fails with a QueueError. */
  purgeRequests(since: Date | undefined, signal: AbortSignal): Promise<readonly PurgeRequest[]>;
}
