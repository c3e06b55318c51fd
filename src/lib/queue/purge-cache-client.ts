/** A request to drop caches of this name that were created before a time. */
export interface PurgeRequest {
  readonly cacheName: string;
  /** In this machine's clock. */
  readonly before: Date;
}

/** The purge-cache service as a worker sees it. */
export interface PurgeCacheClient {
  /** Returns the open requests for the worker's pool, optionally since a time. One attempt; throws a ServiceError. */
  purgeRequests(since: Date | undefined, signal: AbortSignal): Promise<readonly PurgeRequest[]>;
}
