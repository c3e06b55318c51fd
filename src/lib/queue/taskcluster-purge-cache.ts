import { clients } from 'taskcluster-client';
import { queueCall, assertValid } from './queue-call.js';
import { dateOf } from './parse-claim.js';
import type { PurgeCacheClient, PurgeRequest } from './purge-cache-client.js';
import type { CredentialSource } from './queue-client.js';

export interface TaskclusterPurgeCacheOptions {
  readonly rootUrl: string;
  readonly credentials: CredentialSource;
  readonly workerPoolId: string;
  /** How far this machine's clock is ahead of the service's, in ms; negative if it is behind. */
  readonly clockSkewMs: () => number;
  readonly callTimeoutMs: number;
}

/** Calls the purge-cache service through taskcluster-client, with the worker's own credentials. */
export class TaskclusterPurgeCache implements PurgeCacheClient {
  readonly #options: TaskclusterPurgeCacheOptions;

  constructor(options: TaskclusterPurgeCacheOptions) {
    this.#options = options;
  }

  async purgeRequests(since: Date | undefined, signal: AbortSignal): Promise<readonly PurgeRequest[]> {
    const { rootUrl, credentials, workerPoolId, clockSkewMs, callTimeoutMs } = this.#options;
    const skewMs = clockSkewMs();
    const query = since ? { since: new Date(since.getTime() - skewMs).toISOString() } : {};
    const options = { rootUrl, credentials: credentials.current, retries: 0, timeout: callTimeoutMs };
    const client = new clients.PurgeCache(options);
    const call = async (): Promise<readonly PurgeRequest[]> => {
      const { requests } = await client.purgeRequests(workerPoolId, query);
      return requests.map(({ cacheName, before }) => {
        assertValid(typeof cacheName === 'string');
        return { cacheName, before: new Date(dateOf(before, 'before').getTime() + skewMs) };
      });
    };
    return await queueCall('purgeCache.purgeRequests', call, signal);
  }
}
