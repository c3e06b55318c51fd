import type { Credentials } from '../../lib/queue/queue-client.js';
import type { PermanentClient } from '../auth/client-table.js';
import { issueCredentials } from '../auth/temporary-credentials.js';
import type { Task, Worker } from './task.js';

const START_MARGIN_MS = 15 * 60_000;

/**
 * Returns credentials for one run with its task's scopes, valid from `now` until `graceMs` after the end of the claim.
 */
export function claimCredentials(
  issuer: PermanentClient,
  claim: { readonly task: Task; readonly runId: number; readonly worker: Worker; readonly takenUntil: Date },
  { now, graceMs }: { readonly now: Date; readonly graceMs: number },
): Required<Credentials> {
  const { task, runId, worker, takenUntil } = claim;
  const until = Math.floor(takenUntil.getTime() / 1000);
  return issueCredentials(issuer, {
    clientId: `task-client/${task.taskId}/${runId}/on/${worker.workerGroup}/${worker.workerId}/until/${until}`,
    scopes: [
      `queue:reclaim-task:${task.taskId}/${runId}`,
      `queue:resolve-task:${task.taskId}/${runId}`,
      `queue:create-artifact:${task.taskId}/${runId}`,
      ...task.definition.scopes,
    ],
    start: new Date(now.getTime() - START_MARGIN_MS),
    expiry: new Date(takenUntil.getTime() + graceMs),
  });
}
