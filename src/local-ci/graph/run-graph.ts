import { createTasks } from './create-tasks.js';
import { NO_TASKS } from './exit-code.js';
import { keepRecord } from './run-record.js';
import type { GraphResult, GraphRunOptions } from './run-options.js';
import { runTasks } from './run-tasks.js';
import { selectTasks } from './selection.js';
import type { SelectedTasks } from './selection.js';

/**
 * Runs the tasks of a graph, and those that they create. Throws CiInputError, before anything has run, for a name that no
 * task has and for a task that the queue refuses; a ConfigError for wrong settings; a DockerError without an engine.
 */
export async function runGraph(options: GraphRunOptions): Promise<GraphResult> {
  const { graph, selection, roles } = options;
  const selected = selectTasks(graph, selection);
  if (selected.tasks.length === 0) return { exitCode: NO_TASKS, tasks: [] };
  return await runTasks(options, {
    roles,
    asked: selected.asked,
    note: noteOn(selected),
    prepare: ({ rootUrl, credentials }) => createTasks(selected.tasks, { rootUrl, credentials, scopes: graph.scopes }),
    keep: (taskcluster, facts) => keepRecord(options.directory, { graph, selection, roles, facts, taskcluster }),
  });
}

function noteOn({ droppedDependencies: count }: SelectedTasks): string | undefined {
  if (count === 0) return undefined;
  const dependencies = count === 1 ? 'dependency on a task that does' : 'dependencies on tasks that do';
  return `${count} ${dependencies} not run here: taken as completed, and not part of the tasks' definitions.`;
}
