import { endpoint } from '../http/endpoint.js';
import type { Endpoint } from '../http/endpoint.js';
import { PAGING, pageOf } from '../http/page.js';
import { POOL_ERROR_STATS } from '../schemas/pool-error-schemas.js';
import { LAUNCH_CONFIG_LIST, POOL_STATS, POOL_STATS_LIST } from '../schemas/worker-pool-schemas.js';
import { capacityOf } from './capacity.js';
import type { PoolErrors } from './pool-errors.js';
import type { WorkerPools } from './worker-pools.js';
import type { Workers } from './workers.js';

interface StatsServices {
  readonly pools: WorkerPools;
  readonly workers: Workers;
  readonly errors: PoolErrors;
}

const UNKNOWN = 'unknown';

/** Returns the worker-manager endpoints for launch configurations, and for numbers of workers and errors. */
export function statsEndpoints({ pools, workers, errors }: StatsServices): readonly Endpoint[] {
  return [
    endpoint({
      name: 'listWorkerPoolLaunchConfigs',
      method: 'GET',
      route: '/worker-pool/<workerPoolId>/launch-configs',
      query: [...PAGING, 'includeArchived'],
      output: LAUNCH_CONFIG_LIST,
      scopes: (param) => `worker-manager:get-worker-pool:${param('workerPoolId')}`,
      handle: ({ param, query }) => {
        const all = query['includeArchived'] === 'true';
        const found = pools.launchConfigs(param('workerPoolId')).filter(({ isArchived }) => all || !isArchived);
        const { items, next } = pageOf(found, ({ launchConfigId }) => launchConfigId, query);
        return { body: { workerPoolLaunchConfigs: items, ...next } };
      },
    }),
    endpoint({
      name: 'workerPoolStats',
      method: 'GET',
      route: '/worker-pool/<workerPoolId>/stats',
      output: POOL_STATS,
      scopes: (param) => `worker-manager:get-worker-pool:${param('workerPoolId')}`,
      handle: ({ param }) => {
        const { workerPoolId } = pools.get(param('workerPoolId'));
        const inPool = workers.inPool(workerPoolId);
        const ids = new Set(inPool.map(({ launchConfigId = UNKNOWN }) => launchConfigId));
        const launchConfigStats = [...ids].sort().map((id) => {
          const launched = inPool.filter(({ launchConfigId = UNKNOWN }) => launchConfigId === id);
          return { workerPoolId, launchConfigId: id, ...capacityOf(launched) };
        });
        return { body: { launchConfigStats } };
      },
    }),
    endpoint({
      name: 'listWorkerPoolsStats',
      method: 'GET',
      route: '/worker-pools/stats',
      query: PAGING,
      output: POOL_STATS_LIST,
      scopes: () => 'worker-manager:list-worker-pools',
      handle: ({ query }) => {
        const { items, next } = pageOf(pools.list(), ({ workerPoolId }) => workerPoolId, query);
        const stats = items.map(({ workerPoolId: id }) => ({ workerPoolId: id, ...capacityOf(workers.inPool(id)) }));
        return { body: { workerPoolsStats: stats, ...next } };
      },
    }),
    endpoint({
      name: 'workerPoolErrorStats',
      method: 'GET',
      route: '/worker-pool-errors/stats',
      query: ['workerPoolId'],
      output: POOL_ERROR_STATS,
      handle: ({ query, authorize }) => {
        const { workerPoolId = '' } = query;
        authorize(`worker-manager:list-worker-pool-errors:${workerPoolId || '*'}`);
        const totals = errors.totals(workerPoolId === '' ? undefined : pools.get(workerPoolId).workerPoolId);
        return { body: { workerPoolId, totals } };
      },
    }),
  ];
}
