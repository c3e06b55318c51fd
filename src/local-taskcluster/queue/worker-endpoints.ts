import { endpoint } from '../http/endpoint.js';
import type { ApiCall, Endpoint } from '../http/endpoint.js';
import { PAGING, pageOf } from '../http/page.js';
import {
  DECLARE_WORKER_REQUEST,
  QUARANTINE_REQUEST,
  QUEUE_WORKER_LIST,
  QUEUE_WORKER_RESPONSE,
} from '../schemas/queue-worker-schemas.js';
import type { QueueWorker, WorkerTable } from './worker-table.js';

type Param = ApiCall<unknown>['param'];

const WORKER_TYPE = '/provisioners/<provisionerId>/worker-types/<workerType>';

/** Returns the queue endpoints for workers that have claimed, and for their quarantine. */
export function queueWorkerEndpoints(workers: WorkerTable): readonly Endpoint[] {
  return [...readEndpoints(workers), ...writeEndpoints(workers)];
}

function readEndpoints(workers: WorkerTable): readonly Endpoint[] {
  return [
    endpoint({
      name: 'listWorkers',
      method: 'GET',
      route: `${WORKER_TYPE}/workers`,
      query: [...PAGING, 'quarantined'],
      output: QUEUE_WORKER_LIST,
      scopes: (param) => `queue:list-workers:${queueOf(param)}`,
      handle: ({ param, query }) => {
        const wanted = query['quarantined'];
        const found = workers
          .list(queueOf(param))
          .filter((worker) => wanted === undefined || wanted === String(workers.isQuarantined(worker)));
        const { items, next } = pageOf(found, keyOf, query);
        return { body: { workers: items.map((worker) => listed(worker, workers)), ...next } };
      },
    }),
    endpoint({
      name: 'getWorker',
      method: 'GET',
      route: `${WORKER_TYPE}/workers/<workerGroup>/<workerId>`,
      output: QUEUE_WORKER_RESPONSE,
      scopes: (param) => `queue:get-worker:${nameOf(param)}`,
      handle: ({ param }) => ({ body: shown(workers.get(queueOf(param), workerOf(param))) }),
    }),
  ];
}

function writeEndpoints(workers: WorkerTable): readonly Endpoint[] {
  return [
    endpoint({
      name: 'quarantineWorker',
      method: 'PUT',
      route: `${WORKER_TYPE}/workers/<workerGroup>/<workerId>`,
      input: QUARANTINE_REQUEST,
      output: QUEUE_WORKER_RESPONSE,
      scopes: (param) => `queue:quarantine-worker:${nameOf(param)}`,
      handle: ({ param, input, clientId = '' }) => {
        const { quarantineUntil, quarantineInfo = '[unspecified]' } = input;
        const why = { clientId, quarantineUntil, quarantineInfo };
        return { body: shown(workers.quarantine(queueOf(param), workerOf(param), why)) };
      },
    }),
    endpoint({
      name: 'declareWorker',
      method: 'PUT',
      route: `${WORKER_TYPE}/<workerGroup>/<workerId>`,
      input: DECLARE_WORKER_REQUEST,
      output: QUEUE_WORKER_RESPONSE,
      handle: ({ param, input, authorize }) => {
        const properties = Object.keys(input).map((property) => `queue:declare-worker:${nameOf(param)}#${property}`);
        authorize({ AllOf: properties });
        const expires = input.expires === undefined ? undefined : new Date(input.expires);
        return { body: shown(workers.declare(queueOf(param), workerOf(param), expires)) };
      },
    }),
  ];
}

function queueOf(param: Param): string {
  return `${param('provisionerId')}/${param('workerType')}`;
}

function workerOf(param: Param): { readonly workerGroup: string; readonly workerId: string } {
  return { workerGroup: param('workerGroup'), workerId: param('workerId') };
}

function nameOf(param: Param): string {
  return `${queueOf(param)}/${param('workerGroup')}/${param('workerId')}`;
}

function keyOf({ workerGroup, workerId }: QueueWorker): string {
  return `${workerGroup}/${workerId}`;
}

function listed(worker: QueueWorker, workers: WorkerTable): object {
  const { workerGroup, workerId, firstClaim, lastDateActive, quarantineUntil } = worker;
  const latestTask = worker.recentTasks.at(-1);
  return {
    ...{ workerGroup, workerId, firstClaim, lastDateActive },
    ...(latestTask && { latestTask }),
    ...(workers.isQuarantined(worker) && { quarantineUntil }),
  };
}

function shown(worker: QueueWorker): object {
  const { taskQueueId, workerGroup, workerId, expires, firstClaim, lastDateActive } = worker;
  const { recentTasks, quarantineUntil } = worker;
  const [provisionerId, workerType] = taskQueueId.split('/');
  const names = { taskQueueId, provisionerId, workerType, workerGroup, workerId };
  return { ...names, expires, firstClaim, lastDateActive, recentTasks, quarantineUntil, actions: [] };
}
