import { endpoint } from '../http/endpoint.js';
import type { Endpoint } from '../http/endpoint.js';
import { PAGING, pageOf } from '../http/page.js';
import {
  LIST_CLAIMED_TASKS_RESPONSE,
  LIST_PENDING_TASKS_RESPONSE,
  PENDING_TASKS_RESPONSE,
  TASK_QUEUE_COUNTS_RESPONSE,
} from '../schemas/task-list-schemas.js';
import type { Queue } from './queue.js';
import type { Task } from './task.js';

/** Returns the queue endpoints for the pending and running tasks of a task queue. */
export function taskQueueEndpoints(queue: Queue): readonly Endpoint[] {
  return [...countingEndpoints(queue), ...listingEndpoints(queue)];
}

function countingEndpoints(queue: Queue): readonly Endpoint[] {
  return [
    endpoint({
      name: 'pendingTasks',
      method: 'GET',
      route: '/pending/<taskQueueId>',
      output: PENDING_TASKS_RESPONSE,
      scopes: (param) => `queue:pending-count:${param('taskQueueId')}`,
      handle: ({ param }) => {
        const taskQueueId = param('taskQueueId');
        return { body: { ...identifiers(taskQueueId), pendingTasks: queue.pending(taskQueueId).length } };
      },
    }),
    endpoint({
      name: 'taskQueueCounts',
      method: 'GET',
      route: '/task-queues/<taskQueueId>/counts',
      output: TASK_QUEUE_COUNTS_RESPONSE,
      scopes: (param) => ({
        AllOf: [`queue:pending-count:${param('taskQueueId')}`, `queue:claimed-count:${param('taskQueueId')}`],
      }),
      handle: ({ param }) => {
        const taskQueueId = param('taskQueueId');
        const counts = {
          pendingTasks: queue.pending(taskQueueId).length,
          claimedTasks: queue.running(taskQueueId).length,
        };
        return { body: { ...identifiers(taskQueueId), ...counts } };
      },
    }),
  ];
}

function listingEndpoints(queue: Queue): readonly Endpoint[] {
  return [
    endpoint({
      name: 'listPendingTasks',
      method: 'GET',
      route: '/task-queues/<taskQueueId>/pending',
      query: PAGING,
      output: LIST_PENDING_TASKS_RESPONSE,
      scopes: (param) => `queue:pending-list:${param('taskQueueId')}`,
      handle: ({ param, query }) => {
        const { items, next } = pageOf(queue.pending(param('taskQueueId')), byTime('scheduled'), query);
        return { body: { tasks: items.map(pendingRun), ...next } };
      },
    }),
    endpoint({
      name: 'listClaimedTasks',
      method: 'GET',
      route: '/task-queues/<taskQueueId>/claimed',
      query: PAGING,
      output: LIST_CLAIMED_TASKS_RESPONSE,
      scopes: (param) => `queue:claimed-list:${param('taskQueueId')}`,
      handle: ({ param, query }) => {
        const { items, next } = pageOf(queue.running(param('taskQueueId')), byTime('started'), query);
        return { body: { tasks: items.map(claimedRun), ...next } };
      },
    }),
  ];
}

/** Returns a function for sort keys that order tasks by when their last run was scheduled or started. */
function byTime(time: 'scheduled' | 'started'): (task: Task) => string {
  return ({ taskId, lastRun }) => `${lastRun?.[time] ?? ''} ${taskId}`;
}

function pendingRun({ taskId, definition, lastRun }: Task): object {
  return { taskId, runId: lastRun?.runId, task: definition, inserted: lastRun?.scheduled };
}

function claimedRun({ taskId, definition, lastRun }: Task): object {
  const { runId, workerGroup, workerId, started } = lastRun ?? {};
  return { taskId, runId, workerGroup, workerId, claimed: started, task: definition };
}

function identifiers(taskQueueId: string): object {
  const [provisionerId, workerType] = taskQueueId.split('/');
  return { provisionerId, workerType, taskQueueId };
}
