import type { ScopeExpression } from '../../lib/queue/scopes.js';
import { ApiError } from '../http/api-error.js';
import { endpoint } from '../http/endpoint.js';
import type { Endpoint } from '../http/endpoint.js';
import { PAGING, pageOf } from '../http/page.js';
import { POOL_ERROR_LIST, POOL_ERROR_RESPONSE, WORKER_ERROR_REPORT } from '../schemas/pool-error-schemas.js';
import {
  CREATE_POOL_REQUEST,
  POOL_LIST,
  POOL_RESPONSE,
  PROVIDER_LIST,
  UPDATE_POOL_REQUEST,
} from '../schemas/worker-pool-schemas.js';
import { capacityOf } from './capacity.js';
import type { PoolErrors } from './pool-errors.js';
import { PROVIDERS } from './worker-pools.js';
import type { WorkerPool, WorkerPools } from './worker-pools.js';
import type { Worker, Workers } from './workers.js';

interface PoolServices {
  readonly pools: WorkerPools;
  readonly workers: Workers;
  readonly errors: PoolErrors;
}

/** Returns the worker-manager endpoints for pools and the errors of their workers. */
export function poolEndpoints(services: PoolServices): readonly Endpoint[] {
  return [...writeEndpoints(services), ...readEndpoints(services), ...errorEndpoints(services)];
}

function writeEndpoints({ pools, workers }: PoolServices): readonly Endpoint[] {
  return [
    endpoint({
      name: 'createWorkerPool',
      method: 'PUT',
      route: '/worker-pool/<workerPoolId>',
      input: CREATE_POOL_REQUEST,
      output: POOL_RESPONSE,
      handle: ({ param, input, authorize }) => {
        authorize(manageScopes(param('workerPoolId'), input.providerId));
        return { body: shown(pools.create(param('workerPoolId'), input), workers) };
      },
    }),
    endpoint({
      name: 'updateWorkerPool',
      method: 'POST',
      route: '/worker-pool/<workerPoolId>',
      input: UPDATE_POOL_REQUEST,
      output: POOL_RESPONSE,
      handle: ({ param, input, authorize }) => {
        const id = param('workerPoolId');
        authorize(manageScopes(id, input.providerId));
        if (input.workerPoolId !== undefined && input.workerPoolId !== id) {
          throw new ApiError('InputError', `The body is about ${input.workerPoolId}, the address about ${id}.`);
        }
        return { body: shown(pools.update(id, input), workers) };
      },
    }),
    endpoint({
      name: 'deleteWorkerPool',
      method: 'DELETE',
      route: '/worker-pool/<workerPoolId>',
      output: POOL_RESPONSE,
      scopes: (param) => `worker-manager:manage-worker-pool:${param('workerPoolId')}`,
      handle: ({ param }) => {
        const body = shown(pools.markForDeletion(param('workerPoolId')), workers);
        if (!workers.inPool(param('workerPoolId')).some(isRunning)) pools.dropIfMarked(param('workerPoolId'));
        return { body };
      },
    }),
  ];
}

function readEndpoints({ pools, workers }: PoolServices): readonly Endpoint[] {
  return [
    endpoint({
      name: 'workerPool',
      method: 'GET',
      route: '/worker-pool/<workerPoolId>',
      output: POOL_RESPONSE,
      scopes: (param) => `worker-manager:get-worker-pool:${param('workerPoolId')}`,
      handle: ({ param }) => ({ body: shown(pools.get(param('workerPoolId')), workers) }),
    }),
    endpoint({
      name: 'listWorkerPools',
      method: 'GET',
      route: '/worker-pools',
      query: PAGING,
      output: POOL_LIST,
      scopes: () => 'worker-manager:list-worker-pools',
      handle: ({ query }) => {
        const { items, next } = pageOf(pools.list(), ({ workerPoolId }) => workerPoolId, query);
        return { body: { workerPools: items.map((pool) => shown(pool, workers)), ...next } };
      },
    }),
    endpoint({
      name: 'listProviders',
      method: 'GET',
      route: '/providers',
      query: PAGING,
      output: PROVIDER_LIST,
      scopes: () => 'worker-manager:list-providers',
      handle: ({ query }) => {
        const { items: providers, next } = pageOf(PROVIDERS, ({ providerId }) => providerId, query);
        return { body: { providers, ...next } };
      },
    }),
  ];
}

function errorEndpoints({ pools, workers, errors }: PoolServices): readonly Endpoint[] {
  return [
    endpoint({
      name: 'reportWorkerError',
      method: 'POST',
      route: '/worker-pool-errors/<workerPoolId>',
      input: WORKER_ERROR_REPORT,
      output: POOL_ERROR_RESPONSE,
      handle: ({ param, input, authorize }) => {
        const worker = `${input.workerGroup}/${input.workerId}`;
        authorize({ AllOf: [`assume:worker-pool:${param('workerPoolId')}`, `assume:worker-id:${worker}`] });
        const { workerPoolId } = pools.get(param('workerPoolId'));
        const { workerGroup, workerId } = input;
        const launchConfigId = workers.find({ workerPoolId, workerGroup, workerId })?.launchConfigId;
        return { body: errors.report(workerPoolId, input, launchConfigId) };
      },
    }),
    endpoint({
      name: 'listWorkerPoolErrors',
      method: 'GET',
      route: '/worker-pool-errors/<workerPoolId>',
      query: [...PAGING, 'launchConfigId', 'errorId'],
      output: POOL_ERROR_LIST,
      scopes: (param) => `worker-manager:list-worker-pool-errors:${param('workerPoolId')}`,
      handle: ({ param, query }) => {
        const { errorId, launchConfigId } = query;
        const found = errors
          .list(param('workerPoolId'))
          .filter((error) => errorId === undefined || error.errorId === errorId)
          .filter((error) => launchConfigId === undefined || error.launchConfigId === launchConfigId);
        const keyOf = (error: (typeof found)[number]): string => `${error.reported} ${error.errorId}`;
        const { items: workerPoolErrors, next } = pageOf(found, keyOf, query);
        return { body: { workerPoolErrors, ...next } };
      },
    }),
  ];
}

function manageScopes(workerPoolId: string, providerId: string): ScopeExpression {
  return {
    AllOf: [`worker-manager:manage-worker-pool:${workerPoolId}`, `worker-manager:provider:${providerId}`],
  };
}

function isRunning({ state }: Worker): boolean {
  return state === 'running';
}

function shown(pool: WorkerPool, workers: Workers): object {
  return { ...pool, ...capacityOf(workers.inPool(pool.workerPoolId)) };
}
