/** Somebody wants caches of this name dropped that were made before a time. */
export interface PurgeRequest {
  readonly cacheName: string;
  /** By this machine's clock. */
  readonly before: Date;
}

/** The purge-cache service as a worker sees it. */
export interface PurgeCacheClient {
  /**
   * The open requests for the worker's pool, since a time of this machine's clock when one is given. One attempt; fails
   * with a ServiceError.
   */
  purgeRequests(since: Date | undefined, signal: AbortSignal): Promise<readonly PurgeRequest[]>;
}
