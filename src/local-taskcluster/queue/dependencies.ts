import { ApiError } from '../http/api-error.js';
import type { TaskDefinition } from '../schemas/task-schemas.js';
import type { Task } from './task.js';

/** What a task needs to know about one that it depends on. */
export interface Dependency {
  readonly state: Task['state'];
  readonly expires: Date;
  /** True for a resolved task of another deployment, whose state never changes here. */
  readonly isElsewhere?: boolean;
}

/** Returns what is known about a task; undefined for one that does not exist. */
type FindDependency = (taskId: string) => Dependency | undefined;

/** The refusal of a task whose dependencies do not exist. */
export class MissingDependencies extends ApiError {
  readonly taskIds: readonly string[];

  constructor(taskIds: readonly string[]) {
    super('InputError', `There are no tasks ${taskIds.join(', ')}: create dependencies first.`);
    this.taskIds = taskIds;
  }
}

/** Which tasks wait for which others. Once satisfied, a dependency stays satisfied, even when its task is rerun. */
export class Dependencies {
  readonly #dependents = new Map<string, Task[]>();
  /** The unsatisfied dependencies of each waiting task, by task id. */
  readonly #open = new Map<string, Set<string>>();

  /** Records the task; returns whether it has no open dependencies and can be scheduled. */
  add(task: Task, find: FindDependency): boolean {
    const { dependencies, requires } = task.definition;
    const open = dependencies.filter((taskId) => {
      const dependency = find(taskId);
      return !dependency || !satisfies(dependency, requires);
    });
    this.restore(task, open);
    return open.length === 0;
  }

  /** Records the task with the dependencies that it still waits for. */
  restore(task: Task, open: readonly string[]): void {
    for (const taskId of task.definition.dependencies) {
      const dependents = this.#dependents.get(taskId) ?? [];
      dependents.push(task);
      this.#dependents.set(taskId, dependents);
    }
    if (open.length > 0) this.#open.set(task.taskId, new Set(open));
  }

  /** Returns the dependencies that the task still waits for. */
  open(taskId: string): readonly string[] {
    return [...(this.#open.get(taskId) ?? [])];
  }

  /** Records that the task is resolved; returns the tasks that waited for nothing else. */
  resolved(task: Task): readonly Task[] {
    return this.dependents(task.taskId).filter((dependent) => {
      const open = this.#open.get(dependent.taskId);
      if (!open || !satisfies(task, dependent.definition.requires)) return false;
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
 * Throws MissingDependencies unless all dependencies exist, and InputError unless they may be satisfied and will not
 * expire while the task may wait for them. A task may depend on itself: then only scheduleTask starts it.
 */
export function checkDependencies(taskId: string, definition: TaskDefinition, find: FindDependency): void {
  const { dependencies, deadline, requires } = definition;
  const others = dependencies.filter((id) => id !== taskId);
  const missing = others.filter((id) => !find(id));
  if (missing.length > 0) throw new MissingDependencies(missing);
  const expiring = others.filter((id) => (find(id)?.expires ?? 0) < new Date(deadline));
  if (expiring.length > 0) {
    throw new ApiError('InputError', `The dependencies ${expiring.join(', ')} expire before the task's deadline.`);
  }
  for (const id of others) {
    const dependency = find(id);
    if (!dependency?.isElsewhere || satisfies(dependency, requires)) continue;
    const advice = `depend on a run of it that completed, or say requires: all-resolved`;
    throw new ApiError(
      'InputError',
      `The dependency ${id} is ${dependency.state} in another deployment, so this task would wait forever: ${advice}.`,
    );
  }
}

function satisfies({ state }: Pick<Dependency, 'state'>, requires: TaskDefinition['requires']): boolean {
  return state === 'completed' || (requires === 'all-resolved' && (state === 'failed' || state === 'exception'));
}
