import { shorten } from '../../lib/util/shorten.js';
import type { RenderedTask } from '../model.js';
import { isObject, RenderProblem } from './render-problem.js';

const MOST_LISTED = 50;
const LONGEST_ID = 100;

/**
 * Returns the tasks with each behind those that it depends on, in the order of the github service: tasks without
 * dependencies stay as they are. Of several tasks with one id only the last remains. Throws RenderProblem for a cycle.
 */
export function inDependencyOrder(tasks: readonly RenderedTask[]): readonly RenderedTask[] {
  const byId = new Map(tasks.map((task) => [task.taskId, task]));
  const needs = new Map<string, string[]>();
  const openDependents = new Map<string, number>();
  for (const { taskId, task } of tasks) {
    const dependencies = dependenciesOf(task);
    if (!openDependents.has(taskId)) openDependents.set(taskId, 0);
    for (const id of dependencies) openDependents.set(id, (openDependents.get(id) ?? 0) + 1);
    const known = needs.get(taskId) ?? [];
    for (const id of dependencies) known.push(id);
    needs.set(taskId, known);
  }
  const order = placedFromTheEnd(needs, openDependents);
  if (openDependents.size > 0) throw new RenderProblem(aboutCycle([...openDependents.keys()], byId));
  // Ids of tasks outside of the file are sorted along and left out.
  return order.flatMap((id) => byId.get(id) ?? []);
}

/**
 * Returns the ids in order, and leaves those of a cycle and of what it needs in `openDependents`, which counts the tasks
 * without a place that need an id.
 */
function placedFromTheEnd(
  needs: ReadonlyMap<string, readonly string[]>,
  openDependents: Map<string, number>,
): readonly string[] {
  const free = [...openDependents].filter(([, count]) => count === 0).map(([id]) => id);
  const placed: string[] = [];
  for (let id = free.pop(); id !== undefined; id = free.pop()) {
    placed.push(id);
    openDependents.delete(id);
    for (const needed of needs.get(id) ?? []) {
      const count = (openDependents.get(needed) ?? 0) - 1;
      openDependents.set(needed, count);
      if (count === 0) free.push(needed);
    }
  }
  return placed.reverse();
}

function aboutCycle(ids: readonly string[], tasks: ReadonlyMap<string, RenderedTask>): string {
  const listed = ids.slice(0, MOST_LISTED);
  const more = ids.length > MOST_LISTED ? `\n… and ${ids.length - MOST_LISTED} more` : '';
  const lines = listed.map((id) => shorten(id, LONGEST_ID)).join('\n');
  // Most ids are random: the author knows the tasks by their names.
  const names = listed.flatMap((id) => nameOf(tasks.get(id)) ?? []);
  const byName = names.length > 0 ? `\nThese are the tasks: ${names.join(', ')}` : '';
  return `At least 1 circular dependency in nodes: \n\n${lines}${more}\n\nGraph cannot be sorted!${byName}`;
}

function nameOf(task: RenderedTask | undefined): string | undefined {
  const metadata = task?.task['metadata'];
  if (!isObject(metadata) || typeof metadata['name'] !== 'string') return undefined;
  return JSON.stringify(shorten(metadata['name'], LONGEST_ID));
}

/** What isn't a list of texts is for createTask to refuse. */
function dependenciesOf({ dependencies }: RenderedTask['task']): readonly string[] {
  const list: readonly unknown[] = Array.isArray(dependencies) ? dependencies : [dependencies];
  return list.filter((id) => typeof id === 'string');
}
