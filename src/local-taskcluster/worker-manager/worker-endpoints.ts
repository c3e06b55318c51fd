import { ApiError } from '../http/api-error.js';
import { endpoint } from '../http/endpoint.js';
import type { ApiCall, Endpoint } from '../http/endpoint.js';
import { PAGING, pageOf } from '../http/page.js';
import {
  CREATE_WORKER_REQUEST,
  SHOULD_TERMINATE_RESPONSE,
  WORKER_LIST,
  WORKER_RESPONSE,
} from '../schemas/worker-schemas.js';
import type { CreateWorkerRequest, WorkerKey } from '../schemas/worker-schemas.js';
import type { Terminations } from './terminations.js';
import type { WorkerPools } from './worker-pools.js';
import { nameOf } from './workers.js';
import type { Worker, Workers } from './workers.js';

const WORKER = '/workers/<workerPoolId>/<workerGroup>/<workerId>';

interface WorkerServices {
  readonly pools: WorkerPools;
  readonly workers: Workers;
  readonly terminations: Pick<Terminations, 'decisionOn'>;
  readonly now: () => Date;
}

/** Returns the worker-manager endpoints for workers; workers of static pools can be created. */
export function workerEndpoints(services: WorkerServices): readonly Endpoint[] {
  return [...writeEndpoints(services), ...readEndpoints(services)];
}

function writeEndpoints(services: WorkerServices): readonly Endpoint[] {
  const { pools, workers, terminations } = services;
  return [
    endpoint({
      name: 'createWorker',
      method: 'PUT',
      route: WORKER,
      input: CREATE_WORKER_REQUEST,
      output: WORKER_RESPONSE,
      isConfidential: true,
      scopes: (param) => `worker-manager:create-worker:${nameOf(keyOf(param))}`,
      handle: ({ param, input }) => ({ body: shown(create(services, keyOf(param), input)) }),
    }),
    endpoint({
      name: 'updateWorker',
      method: 'POST',
      route: WORKER,
      input: CREATE_WORKER_REQUEST,
      output: WORKER_RESPONSE,
      isConfidential: true,
      scopes: (param) => `worker-manager:update-worker:${nameOf(keyOf(param))}`,
      handle: ({ param, input }) => {
        const { workerPoolId } = workers.get(keyOf(param));
        return { body: shown(workers.change(keyOf(param), definitionOf(pools, workerPoolId, input))) };
      },
    }),
    endpoint({
      name: 'removeWorker',
      method: 'DELETE',
      route: WORKER,
      scopes: (param) => `worker-manager:remove-worker:${nameOf(keyOf(param))}`,
      handle: ({ param }) => {
        const { workerPoolId } = workers.change(keyOf(param), { state: 'stopped' });
        if (workers.inPool(workerPoolId).every(({ state }) => state === 'stopped')) pools.dropIfMarked(workerPoolId);
        return { body: {} };
      },
    }),
    endpoint({
      name: 'shouldWorkerTerminate',
      method: 'GET',
      route: `${WORKER}/should-terminate`,
      output: SHOULD_TERMINATE_RESPONSE,
      scopes: (param) => `worker-manager:should-worker-terminate:${nameOf(keyOf(param))}`,
      handle: ({ param }) => ({ body: terminations.decisionOn(workers.get(keyOf(param))) }),
    }),
  ];
}

function readEndpoints({ pools, workers }: WorkerServices): readonly Endpoint[] {
  const list = (found: readonly Worker[], query: ApiCall<unknown>['query']): object => {
    const { items, next } = pageOf(found, nameOf, query);
    return { workers: items.map(shown), ...next };
  };
  return [
    endpoint({
      name: 'worker',
      method: 'GET',
      route: WORKER,
      output: WORKER_RESPONSE,
      scopes: (param) => `worker-manager:get-worker:${nameOf(keyOf(param))}`,
      handle: ({ param }) => ({ body: shown(workers.get(keyOf(param))) }),
    }),
    endpoint({
      name: 'listWorkersForWorkerGroup',
      method: 'GET',
      route: '/workers/<workerPoolId>/<workerGroup>',
      query: PAGING,
      output: WORKER_LIST,
      scopes: (param) => `worker-manager:list-workers:${param('workerPoolId')}/${param('workerGroup')}`,
      handle: ({ param, query }) => {
        const inPool = workers.inPool(param('workerPoolId'));
        const found = inPool.filter(({ workerGroup }) => workerGroup === param('workerGroup'));
        return { body: list(found, query) };
      },
    }),
    endpoint({
      name: 'listWorkersForWorkerPool',
      method: 'GET',
      route: '/workers/<workerPoolId>',
      query: [...PAGING, 'launchConfigId', 'state'],
      output: WORKER_LIST,
      scopes: (param) => `worker-manager:list-workers:${param('workerPoolId')}`,
      handle: ({ param, query }) => {
        const { workerPoolId } = pools.get(param('workerPoolId'));
        const { launchConfigId, state } = query;
        const found = workers
          .inPool(workerPoolId)
          .filter((worker) => launchConfigId === undefined || worker.launchConfigId === launchConfigId)
          .filter((worker) => state === undefined || worker.state === state);
        return { body: list(found, query) };
      },
    }),
  ];
}

function create({ pools, workers, now }: WorkerServices, key: WorkerKey, input: CreateWorkerRequest): Worker {
  const definition = definitionOf(pools, key.workerPoolId, input);
  if (new Date(input.expires) < now()) {
    throw new ApiError('InputError', `The worker expires in the past (${input.expires}).`);
  }
  const existing = workers.find(key);
  if (!existing) return workers.create({ ...key, ...definition, providerId: 'static', state: 'running' });
  if (existing.staticSecret === definition.staticSecret) return existing;
  throw new ApiError('InputError', `The worker ${nameOf(key)} exists already.`);
}

/**
 * Returns the definition of a worker in a static pool; in other pools the provider creates workers. Throws
 * ResourceNotFound, InputError.
 */
function definitionOf(
  pools: WorkerPools,
  workerPoolId: string,
  { expires, capacity = 1, providerInfo }: CreateWorkerRequest,
): Pick<Worker, 'expires' | 'capacity'> & { readonly staticSecret: string } {
  const { providerId } = pools.get(workerPoolId);
  if (providerId !== 'static') {
    throw new ApiError('InputError', `Workers of the provider ${providerId} are not made by calls.`);
  }
  const staticSecret = providerInfo?.staticSecret;
  if (staticSecret === undefined) throw new ApiError('InputError', 'providerInfo.staticSecret is missing.');
  return { expires: new Date(expires).toJSON(), capacity, staticSecret };
}

function keyOf(param: ApiCall<unknown>['param']): WorkerKey {
  return {
    workerPoolId: param('workerPoolId'),
    workerGroup: param('workerGroup'),
    workerId: param('workerId'),
  };
}

/** Returns the worker without its secrets. */
function shown(worker: Worker): object {
  const { workerPoolId, workerGroup, workerId, providerId, created, expires, lastModified, capacity, state } = worker;
  const times = { created, expires, lastModified, lastChecked: lastModified };
  const launched = worker.launchConfigId === undefined ? {} : { launchConfigId: worker.launchConfigId };
  return { workerPoolId, workerGroup, workerId, providerId, ...times, capacity, state, ...launched };
}
