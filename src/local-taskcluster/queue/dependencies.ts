import { ApiError } from '../http/api-error.js';
import type { TaskDefinition } from '../schemas/task-schemas.js';
import type { Task } from './task.js';

type Tasks = ReadonlyMap<string, Task>;

/** Which tasks wait for which others. Once satisfied, a dependency stays satisfied, even when its task is rerun. */
export class Dependencies {
  readonly #dependents = new Map<string, Task[]>();
  /** The unsatisfied dependencies of each waiting task, by task id. */
  readonly #open = new Map<string, Set<string>>();

  /** Records the task; returns whether it has no open dependencies and can be scheduled. */
  add(task: Task, tasks: Tasks): boolean {
    const open = new Set<string>();
    for (const taskId of task.definition.dependencies) {
      const dependents = this.#dependents.get(taskId) ?? [];
      dependents.push(task);
      this.#dependents.set(taskId, dependents);
      const dependency = tasks.get(taskId);
      if (!dependency || !satisfies(dependency, task)) open.add(taskId);
    }
    if (open.size > 0) this.#open.set(task.taskId, open);
    return open.size === 0;
  }

  /** Records that the task is resolved; returns the tasks that waited for nothing else. */
  resolved(task: Task): readonly Task[] {
    return this.dependents(task.taskId).filter((dependent) => {
      const open = this.#open.get(dependent.taskId);
      if (!open || !satisfies(task, dependent)) return false;
      open.delete(task.taskId);
      if (open.size > 0) return false;
      this.#open.delete(dependent.taskId);
      return true;
    });
  }

  /** Returns all tasks that depend on this one, satisfied or not. */
  dependents(taskId: string): readonly Task[] {
    return this.#dependents.get(taskId) ?? [];
  }
}

/**
 * Throws InputError unless all dependencies exist and will not expire while the task may wait for them. A task may
 * depend on itself: then only scheduleTask starts it.
 */
export function checkDependencies(taskId: string, { dependencies, deadline }: TaskDefinition, tasks: Tasks): void {
  const others = dependencies.filter((id) => id !== taskId);
  const missing = others.filter((id) => !tasks.has(id));
  if (missing.length > 0) {
    throw new ApiError('InputError', `There are no tasks ${missing.join(', ')}: create dependencies first.`);
  }
  const expiring = others.filter((id) => (tasks.get(id)?.expires ?? 0) < new Date(deadline));
  if (expiring.length > 0) {
    throw new ApiError('InputError', `The dependencies ${expiring.join(', ')} expire before the task's deadline.`);
  }
}

function satisfies({ state }: Task, { definition: { requires } }: Task): boolean {
  return state === 'completed' || (requires === 'all-resolved' && (state === 'failed' || state === 'exception'));
}
