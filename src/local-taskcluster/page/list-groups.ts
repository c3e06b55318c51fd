import type { Task } from '../queue/task.js';

type State = Task['state'];

const NO_TASKS: Readonly<Record<State, number>> = {
  ...{ unscheduled: 0, pending: 0, running: 0 },
  ...{ completed: 0, failed: 0, exception: 0 },
};

/** A group of tasks, as the page lists it. */
interface ListedGroup {
  readonly taskGroupId: string;
  /** When its first task was created. */
  readonly created: string;
  /** How many of its tasks are in each state. */
  readonly counts: Readonly<Record<State, number>>;
  /** The name of its first task. */
  readonly name: string;
}

/** Returns the groups of these tasks, which are in the order of their creation; the newest group comes first. */
export function listGroups(tasks: readonly Task[]): readonly ListedGroup[] {
  const groups = new Map<string, Omit<ListedGroup, 'counts'> & { readonly counts: Record<State, number> }>();
  for (const { definition, state } of tasks) {
    const { taskGroupId, created, metadata } = definition;
    const group = groups.get(taskGroupId) ?? { taskGroupId, created, counts: { ...NO_TASKS }, name: metadata.name };
    group.counts[state] += 1;
    groups.set(taskGroupId, group);
  }
  return [...groups.values()].reverse();
}
