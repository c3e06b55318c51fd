import assert from 'node:assert/strict';
import type { Queue, RunStatus } from 'taskcluster-client';
import { until } from './until.js';

/** A run's end, asked for until there is one. */
export async function endedRun(queue: Queue, taskId: string, runId: number): Promise<RunStatus> {
  const look = async (): Promise<RunStatus | undefined> => (await queue.status(taskId)).status.runs[runId];
  const run = await until(`run ${runId} of ${taskId} is resolved`, look, {
    isDone: (status) => status?.resolved !== undefined,
    timeoutMs: 240_000,
    pollMs: 50,
  });
  return run ?? assert.fail();
}
