import { call, listAll } from './call.js';
import type { Definition } from './types.js';

const QUEUE = '/api/queue/v1';
const WORKER_MANAGER = '/api/worker-manager/v1';

export interface Pool {
  readonly taskQueueId: string;
  readonly pendingTasks: number;
  readonly claimedTasks: number;
  /** When a worker asked for work last; undefined for a pool that none has asked for. */
  readonly lastDateActive: string | undefined;
}

export interface PoolWorker {
  readonly workerGroup: string;
  readonly workerId: string;
  readonly firstClaim: string;
  readonly lastDateActive?: string;
  readonly quarantineUntil?: string;
  readonly latestTask?: { readonly taskId: string; readonly runId: number };
}

/** A task that waits for a worker of the pool, or that one of them runs. */
export interface PoolTask {
  readonly taskId: string;
  readonly runId: number;
  readonly task: Definition;
  readonly inserted?: string;
  readonly claimed?: string;
  readonly workerId?: string;
}

/** Returns the pools that are defined and those that workers asked for, by name. */
export async function listPools(signal: AbortSignal): Promise<readonly Pool[]> {
  const [seen, defined] = await Promise.all([
    listAll<{ readonly taskQueueId: string; readonly lastDateActive: string }>(
      `${QUEUE}/task-queues`,
      'taskQueues',
      signal,
    ),
    listAll<{ readonly workerPoolId: string }>(`${WORKER_MANAGER}/worker-pools`, 'workerPools', signal),
  ]);
  const active = new Map(seen.map(({ taskQueueId, lastDateActive }) => [taskQueueId, lastDateActive]));
  const names = new Set([...active.keys(), ...defined.map(({ workerPoolId }) => workerPoolId)]);
  return Promise.all(
    [...names].sort().map(async (taskQueueId) => ({
      taskQueueId,
      lastDateActive: active.get(taskQueueId),
      ...(await countsOf(taskQueueId, signal)),
    })),
  );
}

async function countsOf(
  taskQueueId: string,
  signal: AbortSignal,
): Promise<{ readonly pendingTasks: number; readonly claimedTasks: number }> {
  return call(`${QUEUE}/task-queues/${encodeURIComponent(taskQueueId)}/counts`, { signal });
}

export async function listWorkers(taskQueueId: string, signal: AbortSignal): Promise<readonly PoolWorker[]> {
  const [provisionerId = '', workerType = ''] = taskQueueId.split('/').map(encodeURIComponent);
  return listAll<PoolWorker>(
    `${QUEUE}/provisioners/${provisionerId}/worker-types/${workerType}/workers`,
    'workers',
    signal,
  );
}

export async function listPoolTasks(
  taskQueueId: string,
  kind: 'pending' | 'claimed',
  signal: AbortSignal,
): Promise<readonly PoolTask[]> {
  return listAll<PoolTask>(`${QUEUE}/task-queues/${encodeURIComponent(taskQueueId)}/${kind}`, 'tasks', signal);
}
