import { endpoint } from '../http/endpoint.js';
import type { Endpoint } from '../http/endpoint.js';
import {
  CLAIM_RESPONSE,
  CLAIM_TASK_REQUEST,
  CLAIM_WORK_REQUEST,
  CLAIM_WORK_RESPONSE,
  RECLAIM_RESPONSE,
} from '../schemas/claim-schemas.js';
import { EXCEPTION_REQUEST, STATUS_RESPONSE } from '../schemas/status-schemas.js';
import type { Claim } from './claims.js';
import type { Queue } from './queue.js';
import { viewOf } from './task-changes.js';
import type { TaskView } from './task-changes.js';
import type { Resolution } from './task.js';
import type { TaskRun, WorkerTable } from './worker-table.js';
import { trimEnd } from '../../lib/util/trim-end.js';

export interface ClaimServices {
  readonly queue: Queue;
  readonly workers: WorkerTable;
  /** Returns what the worker gets as the definition of the task that it claims. */
  readonly definitionForWorker: (task: TaskView) => unknown;
}

/** Returns the queue endpoints with which a worker claims, reclaims and resolves runs. */
export function claimEndpoints(services: ClaimServices): readonly Endpoint[] {
  const { queue } = services;
  return [
    claimWork(services),
    claimTask(services),
    reclaimTask(services),
    report(queue, 'reportCompleted', '/completed', { state: 'completed' }),
    report(queue, 'reportFailed', '/failed', { state: 'failed' }),
    endpoint({
      name: 'reportException',
      method: 'POST',
      route: '/task/<taskId>/runs/<runId>/exception',
      input: EXCEPTION_REQUEST,
      output: STATUS_RESPONSE,
      scopes: (param) => `queue:resolve-task:${param('taskId')}/${param('runId')}`,
      handle: ({ param, input: { reason } }) => ({
        body: { status: queue.report(param('taskId'), Number(param('runId')), { state: 'exception', reason }) },
      }),
    }),
  ];
}

function claimWork({ queue, workers, definitionForWorker }: ClaimServices): Endpoint {
  return endpoint({
    name: 'claimWork',
    method: 'POST',
    route: '/claim-work/<taskQueueId>',
    input: CLAIM_WORK_REQUEST,
    output: CLAIM_WORK_RESPONSE,
    handle: async ({ param, input: { tasks, ...worker }, authorize, closed }) => {
      const taskQueueId = param('taskQueueId');
      authorize({
        AllOf: [`queue:claim-work:${taskQueueId}`, `queue:worker-id:${worker.workerGroup}/${worker.workerId}`],
      });
      workers.seen(taskQueueId, worker);
      if (workers.isQuarantined(workers.get(taskQueueId, worker))) {
        await queue.idle(closed);
        return { body: { tasks: [] } };
      }
      const claims = await queue.claimWork({ taskQueueId, count: tasks, worker, closed });
      for (const claim of claims) workers.tookTask(taskQueueId, worker, runOf(claim));
      return { body: { tasks: claims.map((claim) => claimed(claim, definitionForWorker)) } };
    },
  });
}

function claimTask({ queue, workers, definitionForWorker }: ClaimServices): Endpoint {
  return endpoint({
    name: 'claimTask',
    method: 'POST',
    route: '/task/<taskId>/runs/<runId>/claim',
    input: CLAIM_TASK_REQUEST,
    output: CLAIM_RESPONSE,
    handle: ({ param, input: worker, authorize }) => {
      const { taskId, definition } = queue.task(param('taskId'));
      authorize({
        AllOf: [
          `queue:claim-task:${definition.taskQueueId}`,
          `queue:worker-id:${worker.workerGroup}/${worker.workerId}`,
        ],
      });
      workers.seenQueue(definition.taskQueueId);
      const claim = queue.claimTask(taskId, Number(param('runId')), worker);
      workers.tookTask(definition.taskQueueId, worker, runOf(claim));
      return { body: claimed(claim, definitionForWorker) };
    },
  });
}

function reclaimTask({ queue, workers }: ClaimServices): Endpoint {
  return endpoint({
    name: 'reclaimTask',
    method: 'POST',
    route: '/task/<taskId>/runs/<runId>/reclaim',
    output: RECLAIM_RESPONSE,
    scopes: (param) => `queue:reclaim-task:${param('taskId')}/${param('runId')}`,
    handle: ({ param }) => {
      const claim = queue.reclaimTask(param('taskId'), Number(param('runId')));
      workers.seen(claim.task.definition.taskQueueId, claim.worker);
      return { body: { ...claimFields(claim), takenUntil: claim.takenUntil.toJSON() } };
    },
  });
}

function report(queue: Queue, name: string, ending: string, resolution: Resolution): Endpoint {
  return endpoint({
    name,
    method: 'POST',
    route: `/task/<taskId>/runs/<runId>${ending}`,
    output: STATUS_RESPONSE,
    scopes: (param) => `queue:resolve-task:${param('taskId')}/${param('runId')}`,
    handle: ({ param }) => ({
      body: { status: queue.report(param('taskId'), Number(param('runId')), resolution) },
    }),
  });
}

function claimed(claim: Claim, definitionForWorker: ClaimServices['definitionForWorker']): object {
  const task = definitionForWorker(viewOf(claim.task));
  return { ...claimFields(claim), takenUntil: databaseTime(claim.takenUntil), task };
}

function runOf({ task: { taskId }, runId }: Claim): TaskRun {
  return { taskId, runId };
}

function claimFields({ task, runId, worker, credentials }: Claim): object {
  return { status: task.status(), runId, ...worker, credentials };
}

/**
 * Formats a time like the real claimWork, which takes it straight from its database: an offset for Z, no trailing
 * zeros.
 */
function databaseTime(time: Date): string {
  return `${trimEnd(trimEnd(time.toJSON(), 'Z0'), '.')}+00:00`;
}
