import type { Queue } from './queue.js';
import type { Resolution } from './task.js';

const WORKER = { workerGroup: 'built-in', workerId: 'built-in' };
const POOLS: Readonly<Record<string, Resolution>> = {
  'built-in/succeed': { state: 'completed' },
  'built-in/fail': { state: 'failed' },
};

/**
 * Works for the pools that every deployment has: resolves each of their tasks as soon as it may be claimed. Their
 * payload has to be empty. Resolves when `closed` aborts.
 */
export async function serveBuiltInPools(queue: Queue, closed: AbortSignal): Promise<void> {
  await Promise.all(Object.entries(POOLS).map((pool) => serve(pool, queue, closed)));
}

async function serve(
  [taskQueueId, outcome]: readonly [string, Resolution],
  queue: Queue,
  closed: AbortSignal,
): Promise<void> {
  while (!closed.aborted) {
    const claims = await queue.claimWork({ taskQueueId, count: 1, worker: WORKER, closed, isEndless: true });
    for (const { task, runId } of claims) {
      const isEmpty = Object.keys(task.definition.payload).length === 0;
      queue.report(task.taskId, runId, isEmpty ? outcome : { state: 'exception', reason: 'malformed-payload' });
    }
  }
}
