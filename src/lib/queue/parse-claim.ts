import type { TaskClaim } from 'taskcluster-client';
import type { Claim } from './queue-client.js';

/**
 * A claim as the queue answered it at `receivedAt`, with its time converted to this machine's clock. Throws an Error that
 * says what makes no sense about it.
 *
 * The queue writes `started` into the run when it hands it out, so that its difference to `receivedAt` is the difference
 * of the two clocks (and the way of the answer, which is short): a machine whose clock is minutes off neither reclaims
 * too late nor all the time.
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
  if (!isWhole) throw new Error(`a claim of task ${JSON.stringify(taskId)} has not all that belongs to a claim`);
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

/** Throws when the text is no date: an invalid one would break whatever computes with it. */
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
