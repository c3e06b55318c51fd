import { setTimeout as sleep } from 'node:timers/promises';
import type { Queue, RunStatus } from 'taskcluster-client';

const POLL_INTERVAL_MS = 50;

/** A run's end, asked for until there is one. */
export async function endedRun(queue: Queue, taskId: string, runId: number): Promise<RunStatus> {
  for (;;) {
    const run = (await queue.status(taskId)).status.runs[runId];
    if (run?.resolved !== undefined) return run;
    await sleep(POLL_INTERVAL_MS);
  }
}
