import { ApiError } from '../http/api-error.js';
import { endpoint } from '../http/endpoint.js';
import type { Endpoint } from '../http/endpoint.js';
import { PAGING, pageOf } from '../http/page.js';
import {
  PROVISIONER_LIST,
  PROVISIONER_RESPONSE,
  TASK_QUEUE_LIST,
  TASK_QUEUE_RESPONSE,
  WORKER_TYPE_LIST,
  WORKER_TYPE_RESPONSE,
} from '../schemas/queue-worker-schemas.js';
import type { TaskQueue, WorkerTable } from './worker-table.js';

const idOf = ({ taskQueueId }: TaskQueue): string => taskQueueId;

/** Returns the queue endpoints for task queues with recent claims, under their current and old names. */
export function knownQueueEndpoints(workers: WorkerTable): readonly Endpoint[] {
  return [...taskQueueEndpoints(workers), ...provisionerEndpoints(workers), ...workerTypeEndpoints(workers)];
}

function taskQueueEndpoints(workers: WorkerTable): readonly Endpoint[] {
  return [
    endpoint({
      name: 'listTaskQueues',
      method: 'GET',
      route: '/task-queues',
      query: PAGING,
      output: TASK_QUEUE_LIST,
      scopes: () => 'queue:list-task-queues',
      handle: ({ query }) => {
        const { items, next } = pageOf(workers.queues(), idOf, query);
        return { body: { taskQueues: items.map(shown), ...next } };
      },
    }),
    endpoint({
      name: 'getTaskQueue',
      method: 'GET',
      route: '/task-queues/<taskQueueId>',
      output: TASK_QUEUE_RESPONSE,
      scopes: (param) => `queue:get-task-queue:${param('taskQueueId')}`,
      handle: ({ param }) => ({ body: shown(workers.queue(param('taskQueueId'))) }),
    }),
  ];
}

function provisionerEndpoints(workers: WorkerTable): readonly Endpoint[] {
  return [
    endpoint({
      name: 'listProvisioners',
      method: 'GET',
      route: '/provisioners',
      query: PAGING,
      output: PROVISIONER_LIST,
      scopes: () => 'queue:list-provisioners',
      handle: ({ query }) => {
        const ids = new Set(workers.queues().map(({ taskQueueId }) => provisionerOf(taskQueueId)));
        const { items, next } = pageOf(ids, (id) => id, query);
        return { body: { provisioners: items.map((id) => provisioner(workers, id)), ...next } };
      },
    }),
    endpoint({
      name: 'getProvisioner',
      method: 'GET',
      route: '/provisioners/<provisionerId>',
      output: PROVISIONER_RESPONSE,
      scopes: (param) => `queue:get-provisioner:${param('provisionerId')}`,
      handle: ({ param }) => ({ body: provisioner(workers, param('provisionerId')) }),
    }),
  ];
}

function workerTypeEndpoints(workers: WorkerTable): readonly Endpoint[] {
  return [
    endpoint({
      name: 'listWorkerTypes',
      method: 'GET',
      route: '/provisioners/<provisionerId>/worker-types',
      query: PAGING,
      output: WORKER_TYPE_LIST,
      scopes: (param) => `queue:list-worker-types:${param('provisionerId')}`,
      handle: ({ param, query }) => {
        const { items, next } = pageOf(queuesOf(workers, param('provisionerId')), idOf, query);
        return { body: { workerTypes: items.map(workerType), ...next } };
      },
    }),
    endpoint({
      name: 'getWorkerType',
      method: 'GET',
      route: '/provisioners/<provisionerId>/worker-types/<workerType>',
      output: WORKER_TYPE_RESPONSE,
      scopes: (param) => `queue:get-worker-type:${param('provisionerId')}/${param('workerType')}`,
      handle: ({ param }) => {
        const queue = workers.queue(`${param('provisionerId')}/${param('workerType')}`);
        return { body: { ...workerType(queue), actions: [] } };
      },
    }),
  ];
}

function shown({ taskQueueId, expires, lastDateActive }: TaskQueue): object {
  return { taskQueueId, expires, lastDateActive, description: '', stability: 'experimental' };
}

function workerType(queue: TaskQueue): object {
  const [provisionerId, name] = queue.taskQueueId.split('/');
  return { ...shown(queue), provisionerId, workerType: name };
}

/** Returns the common properties of the provisioner's queues. Throws ResourceNotFound. */
function provisioner(workers: WorkerTable, provisionerId: string): object {
  const queues = queuesOf(workers, provisionerId);
  if (queues.length === 0) {
    throw new ApiError('ResourceNotFound', `No worker has claimed from a queue of ${provisionerId} recently.`);
  }
  const latest = (times: readonly Date[]): Date => new Date(Math.max(...times.map((time) => time.getTime())));
  const expires = latest(queues.map((queue) => queue.expires));
  const lastDateActive = latest(queues.map((queue) => queue.lastDateActive));
  return { provisionerId, expires, lastDateActive, description: '', stability: 'experimental', actions: [] };
}

function queuesOf(workers: WorkerTable, provisionerId: string): readonly TaskQueue[] {
  return workers.queues().filter(({ taskQueueId }) => provisionerOf(taskQueueId) === provisionerId);
}

function provisionerOf(taskQueueId: string): string {
  return taskQueueId.slice(0, taskQueueId.indexOf('/'));
}
