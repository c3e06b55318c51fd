import type { TaskClaim } from 'taskcluster-client';
import type { Claim } from './queue-client.js';

/**
 * Returns a claim that the queue sent at `receivedAt`, its time converted to this machine's clock. Throws an Error that
 * states what is not valid.
 *
 * The queue writes `started` into the run when it hands it out, so `receivedAt` minus `started` is the difference of
 * the clocks (plus the answer's short way). Without this, a machine whose clock is minutes off would reclaim too late
 * or all the time.
 */
export function parseClaim(claim: TaskClaim, receivedAt: Date): Claim {
  const { status, runId, workerGroup, workerId, task, credentials } = claim;
  const { taskId } = status;
  const isWhole =
    [taskId, workerGroup, workerId, credentials.clientId, credentials.accessToken].every(isText) &&
    Number.isInteger(runId) &&
    isObject(task) &&
    Array.isArray(task.scopes) &&
    isText(task.expires);
  if (!isWhole) throw new Error(`the claim of task ${JSON.stringify(taskId)} is incomplete`);
  const takenUntil = dateOf(claim.takenUntil, 'takenUntil');
  const clockSkewMs = clockSkew(status.runs[runId]?.started, receivedAt);
  return {
    taskId,
    runId,
    workerGroup,
    workerId,
    takenUntil: new Date(takenUntil.getTime() + clockSkewMs),
    clockSkewMs,
    task,
    credentials,
  };
}

function clockSkew(started: string | undefined, receivedAt: Date): number {
  return started === undefined ? 0 : receivedAt.getTime() - dateOf(started, 'started').getTime();
}

/** Parses a date. Throws if the text is not one: an invalid Date would break later computations. */
export function dateOf(text: string, what: string): Date {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) throw new Error(`its answer has no valid ${what}: ${JSON.stringify(text)}`);
  return date;
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}
