import type { TaskDefinition } from '../../queue/queue-client.js';

/** For what comes before the command (an image may take long) and after it (its readers have ten minutes more). */
const AROUND_COMMAND_MS = 2 * 3600_000;

/**
 * A time by which the run is over and nobody reads its live log any more: maxRunTime from now and two hours, or two
 * hours after the deadline, where the queue takes the run away, if that comes first. The payload need not be valid:
 * without a maxRunTime the run has none.
 */
export function liveLogExpiry({ payload, deadline }: Pick<TaskDefinition, 'payload' | 'deadline'>, now: Date): Date {
  const { maxRunTime } = (payload ?? {}) as { maxRunTime?: unknown };
  const seconds = typeof maxRunTime === 'number' && maxRunTime > 0 ? maxRunTime : 0;
  const deadlineMs = new Date(deadline).getTime();
  const lastMs = Math.min(now.getTime() + seconds * 1000, Number.isNaN(deadlineMs) ? now.getTime() : deadlineMs);
  return new Date(lastMs + AROUND_COMMAND_MS);
}
