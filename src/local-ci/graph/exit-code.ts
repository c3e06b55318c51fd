import type { TaskResult } from './task-result.js';

export const SUCCESS = 0;
export const FAILURE = 1;
/** The event makes no tasks. */
export const NO_TASKS = 3;

/**
 * Returns the exit code for all results: 0 when all tasks completed that could run here, 1 otherwise. `asked` are the
 * ids of tasks that were asked for by name: all of these have to complete, and a single one gives its own exit code.
 */
export function exitCodeFor(results: readonly TaskResult[], asked: ReadonlySet<string>): number {
  const [only] = asked.size === 1 ? results.filter(({ taskId }) => asked.has(taskId)) : [];
  if (only && only.state !== 'completed' && only.exitCode !== undefined && only.exitCode !== SUCCESS) {
    return only.exitCode;
  }
  // A task is blocked by one that was skipped, so that it could not run here either, or by a failure, which counts itself.
  const isFine = ({ taskId, state }: TaskResult): boolean =>
    state === 'completed' || (['skipped', 'blocked'].includes(state) && !asked.has(taskId));
  return results.every(isFine) ? SUCCESS : FAILURE;
}
