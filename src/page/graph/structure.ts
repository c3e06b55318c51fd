import type { GroupTask } from '../api/types.js';

/** The tasks of a group as a graph: nodes are task ids, edges lead from a dependency to what depends on it. */
export interface GraphStructure {
  readonly nodes: readonly string[];
  readonly edges: readonly (readonly [from: string, to: string])[];
}

/** Returns the graph of the tasks. Dependencies outside of the group, and on the task itself, are left out. */
export function structureOf(tasks: Iterable<GroupTask>): GraphStructure {
  const entries = [...tasks].map(({ status: { taskId }, task: { dependencies } }) => ({ taskId, dependencies }));
  const inside = new Set(entries.map(({ taskId }) => taskId));
  const edges = entries.flatMap(({ taskId, dependencies }) =>
    dependencies.filter((each) => each !== taskId && inside.has(each)).map((each) => [each, taskId] as const),
  );
  return { nodes: entries.map(({ taskId }) => taskId), edges };
}
