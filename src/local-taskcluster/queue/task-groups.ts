import { ApiError } from '../http/api-error.js';
import type { TaskDefinition } from '../schemas/task-schemas.js';
import type { Task } from './task.js';

/** A group without its tasks, as clients see it. */
export interface TaskGroup {
  readonly taskGroupId: string;
  readonly schedulerId: string;
  /** The time at which the last of its tasks expires. */
  readonly expires: string;
  /** The time since which it accepts no more tasks. */
  readonly sealed?: string;
}

interface Entry {
  readonly group: TaskGroup;
  readonly tasks: Task[];
}

/** Groups of tasks. The first task creates its group, and only that task's scheduler may add others. */
export class TaskGroups {
  readonly #groups = new Map<string, Entry>();

  /** Throws RequestConflict unless the group accepts such a task. */
  check({ taskGroupId, schedulerId }: TaskDefinition): void {
    const group = this.#groups.get(taskGroupId)?.group;
    if (!group) return;
    if (group.schedulerId !== schedulerId) {
      throw new ApiError(
        'RequestConflict',
        `The tasks of group ${taskGroupId} have the schedulerId ${group.schedulerId}, not ${schedulerId}.`,
      );
    }
    if (group.sealed !== undefined) {
      throw new ApiError('RequestConflict', `Task group ${taskGroupId} is sealed and takes no more tasks.`);
    }
  }

  add(task: Task): void {
    const { taskGroupId, schedulerId, expires } = task.definition;
    const { group = { taskGroupId, schedulerId, expires }, tasks = [] } = this.#groups.get(taskGroupId) ?? {};
    const latest = expires > group.expires ? expires : group.expires;
    this.#groups.set(taskGroupId, { group: { ...group, expires: latest }, tasks });
    tasks.push(task);
  }

  /** Returns the group. Throws ResourceNotFound. */
  group(taskGroupId: string): TaskGroup {
    return this.#entry(taskGroupId).group;
  }

  /** Returns the group's tasks. Throws ResourceNotFound. */
  tasks(taskGroupId: string): readonly Task[] {
    return this.#entry(taskGroupId).tasks;
  }

  /** Seals the group, which then accepts no more tasks; sealing it again changes nothing. Throws ResourceNotFound. */
  seal(taskGroupId: string, now: Date): TaskGroup {
    const { group, tasks } = this.#entry(taskGroupId);
    const sealed = { ...group, sealed: group.sealed ?? now.toJSON() };
    this.#groups.set(taskGroupId, { group: sealed, tasks });
    return sealed;
  }

  /** Returns the sealed groups, with the times since which they are. */
  sealed(): readonly { readonly taskGroupId: string; readonly sealed: string }[] {
    return [...this.#groups.values()].flatMap(({ group: { taskGroupId, sealed } }) =>
      sealed === undefined ? [] : [{ taskGroupId, sealed }],
    );
  }

  #entry(taskGroupId: string): Entry {
    const entry = this.#groups.get(taskGroupId);
    if (!entry) throw new ApiError('ResourceNotFound', `There is no task group ${taskGroupId}.`);
    return entry;
  }
}
