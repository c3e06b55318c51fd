import type { PermanentClient } from './auth/client-table.js';
import type { Endpoint } from './http/endpoint.js';
import { indexEndpoints } from './index/index-endpoints.js';
import { IndexTable } from './index/index-table.js';
import { purgeCacheEndpoints } from './purge-cache/purge-cache-endpoints.js';
import { secretEndpoints } from './secrets/secret-endpoints.js';
import { poolEndpoints } from './worker-manager/pool-endpoints.js';
import { Registration } from './worker-manager/registration.js';
import { registrationEndpoints } from './worker-manager/registration-endpoints.js';
import { workerEndpoints } from './worker-manager/worker-endpoints.js';
import { WorkerPools } from './worker-manager/worker-pools.js';
import { Workers } from './worker-manager/workers.js';

/** What everybody may do with these services, credentials or not. */
export const SUPPORTING_ANONYMOUS_SCOPES = [
  'index:find-task:*',
  'index:list-namespaces:*',
  'index:list-tasks:*',
  'purge-cache:all-purge-requests',
  'purge-cache:purge-requests:*',
  'worker-manager:get-worker-pool:*',
  'worker-manager:get-worker:*',
  'worker-manager:list-providers',
  'worker-manager:list-worker-pool-errors:*',
  'worker-manager:list-worker-pools',
  'worker-manager:list-workers:*',
];

/** The services beside auth and the queue, by name. `issuer` signs credentials of workers and addresses of artifacts. */
export function supportingServices(
  now: () => Date,
  issuer: PermanentClient,
): Readonly<Record<'index' | 'purge-cache' | 'secrets' | 'worker-manager', readonly Endpoint[]>> {
  const [pools, workers] = [new WorkerPools(now), new Workers(now)];
  return {
    index: indexEndpoints(new IndexTable(now), issuer),
    'purge-cache': purgeCacheEndpoints(now),
    secrets: secretEndpoints(now),
    'worker-manager': [
      ...poolEndpoints({ pools, workers }),
      ...workerEndpoints({ pools, workers, now }),
      ...registrationEndpoints(new Registration({ pools, workers, now, issuer })),
    ],
  };
}
