import { runInNewContext } from 'node:vm';
import { errorMessage } from '../../lib/util/error-message.js';
import { CiInputError } from '../model.js';
import type { JsonObject, RenderedGraph, RenderedTask } from '../model.js';
import { printable } from './printable.js';

/** Which tasks of a graph are to run. */
export interface Selection {
  /** Names, task ids, or patterns: `/text/` is a regular expression for names. Empty: all tasks. */
  readonly names: readonly string[];
  /** Whether what they depend on is left out. */
  readonly only: boolean;
}

export interface SelectedTasks {
  /** In the order in which they are created. */
  readonly tasks: readonly RenderedTask[];
  /** The ids of those that were asked for by name; empty when all tasks run. */
  readonly asked: ReadonlySet<string>;
  /** How many dependencies were taken off them, because of `only`. */
  readonly droppedDependencies: number;
}

const LISTED_NAMES = 100;
const NAME_LENGTH = 255;
/** The file with options of a repository may hold a pattern that takes for ever. */
const PATTERN_MS = 2000;

/**
 * Returns the selected tasks, with all tasks of the graph that they depend on, also indirectly; with `only` without, and
 * then without those dependencies, as if they had completed. Throws CiInputError for a name that no task has.
 */
export function selectTasks(graph: RenderedGraph, { names, only }: Selection): SelectedTasks {
  if (names.length === 0) return { tasks: graph.tasks, asked: new Set(), droppedDependencies: 0 };
  const asked = new Set(names.flatMap((name) => matching(graph.tasks, name)));
  const chosen = only ? asked : withDependencies(graph.tasks, asked);
  const left = new Set(graph.tasks.flatMap(({ taskId }) => (chosen.has(taskId) ? [] : [taskId])));
  const tasks = graph.tasks.filter(({ taskId }) => chosen.has(taskId));
  const count = (all: readonly RenderedTask[]): number =>
    all.reduce((sum, { task }) => sum + dependenciesOf(task).length, 0);
  const independent = tasks.map((each) => withoutDependencies(each, left));
  return { tasks: independent, asked, droppedDependencies: count(tasks) - count(independent) };
}

/** Returns the name of a rendered task, which was not checked yet. */
export function nameOf({ taskId, task }: RenderedTask): string {
  const { name } = (task['metadata'] ?? {}) as { readonly name?: unknown };
  return typeof name === 'string' && name !== '' ? name : taskId;
}

function matching(tasks: readonly RenderedTask[], wanted: string): readonly string[] {
  const named = new Set(namesLike(wanted, tasks.map(shortNameOf)));
  const found = tasks.filter((each) => each.taskId === wanted || named.has(shortNameOf(each)));
  if (found.length > 0) return found.map(({ taskId }) => taskId);
  const names = [...new Set(tasks.map((each) => printable(nameOf(each), NAME_LENGTH)))];
  const more = names.length > LISTED_NAMES ? `\n  and ${names.length - LISTED_NAMES} more` : '';
  const list = names.slice(0, LISTED_NAMES).map((name) => `\n  ${name}`);
  throw new CiInputError(
    `No task has the name or id ${printable(wanted, NAME_LENGTH)}. These are the tasks:${list.join('')}${more}`,
  );
}

function shortNameOf(task: RenderedTask): string {
  return nameOf(task).slice(0, NAME_LENGTH);
}

/** Returns those of the names that are wanted. Throws CiInputError for a pattern that can't be used. */
function namesLike(wanted: string, names: readonly string[]): readonly string[] {
  const pattern = /^\/(.+)\/$/s.exec(wanted)?.[1];
  if (pattern === undefined) return names.includes(wanted) ? [wanted] : [];
  const shown = printable(wanted, NAME_LENGTH);
  try {
    // eslint-disable-next-line no-restricted-syntax -- on names of at most 255 characters, and for a limited time
    const expression = new RegExp(pattern, 'u');
    const search = (): readonly string[] => names.filter((name) => expression.test(name));
    return runInNewContext('search()', { search }, { timeout: PATTERN_MS }) as readonly string[];
  } catch (error) {
    const isTooSlow = (error as NodeJS.ErrnoException).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
    const problem = isTooSlow
      ? 'takes too long to be searched for'
      : `is not a regular expression: ${errorMessage(error)}`;
    throw new CiInputError(`${shown} ${problem}`);
  }
}

function withDependencies(tasks: readonly RenderedTask[], asked: ReadonlySet<string>): ReadonlySet<string> {
  const byId = new Map(tasks.map((each) => [each.taskId, each.task]));
  const chosen = new Set(asked);
  // The set grows meanwhile; an id that is not of this graph is that of a task elsewhere.
  for (const taskId of chosen) {
    for (const dependency of dependenciesOf(byId.get(taskId))) if (byId.has(dependency)) chosen.add(dependency);
  }
  return chosen;
}

function withoutDependencies({ taskId, task }: RenderedTask, left: ReadonlySet<string>): RenderedTask {
  const dependencies = dependenciesOf(task).filter((id) => !left.has(id));
  if (dependencies.length === dependenciesOf(task).length) return { taskId, task };
  return { taskId, task: { ...task, dependencies } };
}

function dependenciesOf(task: JsonObject | undefined): readonly string[] {
  const dependencies = task?.['dependencies'];
  return Array.isArray(dependencies) ? dependencies.filter((id) => typeof id === 'string') : [];
}
