import { ApiError } from '../http/api-error.js';
import type { Priority } from '../schemas/task-schemas.js';
import type { Task } from './task.js';

/**
 * Changes the priority. Throws RequestConflict for a task that is past its deadline, was resolved, or has that priority
 * already.
 */
export function changePriority(task: Task, priority: Priority, now: Date): void {
  const conflict = conflictWith(task, priority, now);
  if (conflict !== undefined) {
    throw new ApiError('RequestConflict', `The priority of task ${task.taskId} can't be changed: ${conflict}.`);
  }
  task.changePriority(priority);
}

/** Changes the priority of all tasks where that is possible, and returns those. */
export function changePriorities(tasks: readonly Task[], priority: Priority, now: Date): readonly Task[] {
  const changed = tasks.filter((task) => conflictWith(task, priority, now) === undefined);
  for (const task of changed) task.changePriority(priority);
  return changed;
}

function conflictWith({ deadline, wasResolved, definition }: Task, priority: Priority, now: Date): string | undefined {
  if (deadline <= now) return `it is past its deadline (${definition.deadline})`;
  if (wasResolved) return 'it was resolved';
  return definition.priority === priority ? `it is ${priority} already` : undefined;
}
