import { tableLines } from '../graph/standing-words.js';
import type { RenderedGraph } from '../model.js';
import { taskFacts } from './task-facts.js';
import type { TaskFacts } from './task-facts.js';

/** Returns the tasks as a table, in the order in which they are created. */
export function taskTable(graph: RenderedGraph): string {
  const tasks = graph.tasks.map(taskFacts);
  const names = new Map(tasks.map(({ taskId, name }) => [taskId, name]));
  const rows = tasks.map(({ taskId, name, taskQueueId, dependencies }) => [
    name,
    taskId,
    taskQueueId,
    dependencies.map((id) => names.get(id) ?? id).join(', '),
  ]);
  return aligned([['TASK', 'TASK ID', 'TASK QUEUE', 'AFTER'], ...rows]);
}

/** Returns the tasks and the scopes they are created with as JSON, in the form of the github service's API. */
export function taskJson({ tasks, scopes }: RenderedGraph): string {
  return `${JSON.stringify({ tasks, scopes }, null, 2)}\n`;
}

/** Returns the graph in the language of Graphviz: an arrow points to a task from what it waits for. */
export function taskDot(graph: RenderedGraph): string {
  const tasks = graph.tasks.map(taskFacts);
  const own = new Set(tasks.map(({ taskId }) => taskId));
  const nodes = tasks.map(({ taskId, name, taskQueueId }) => {
    const label = taskQueueId === '' ? quoted(name) : quoted(name, taskQueueId);
    return `  ${quoted(taskId)} [label=${label}];`;
  });
  const others = [...new Set(tasks.flatMap(({ dependencies }) => dependencies))].filter((id) => !own.has(id));
  const outside = others.map((id) => `  ${quoted(id)} [style=dashed];`);
  const edges = tasks.flatMap(({ taskId, dependencies }) =>
    dependencies.map((id) => `  ${quoted(id)} -> ${quoted(taskId)};`),
  );
  const lines = ['digraph tasks {', '  rankdir=LR;', '  node [shape=box];', ...nodes, ...outside, ...edges, '}', ''];
  return lines.join('\n');
}

/** Returns the graph as text: what can run at once, then what can run after that, and so on. */
export function taskStages(graph: RenderedGraph): string {
  const tasks = graph.tasks.map(taskFacts);
  const names = new Map(tasks.map(({ taskId, name }) => [taskId, name]));
  const blocks = stages(tasks).map((stage, index) => {
    const rows = stage.map(({ name, dependencies }) => {
      const before = dependencies.map((id) => names.get(id) ?? id);
      return [`  ${name}`, before.length === 0 ? '' : `after ${before.join(', ')}`];
    });
    return `Stage ${index + 1}\n${aligned(rows)}`;
  });
  return blocks.join('\n');
}

/** Returns the tasks in groups: each depends on tasks of the groups before it alone. What is in a cycle comes last. */
function stages(tasks: readonly TaskFacts[]): readonly (readonly TaskFacts[])[] {
  const own = new Map(tasks.map((task) => [task.taskId, task]));
  const missing = new Map<TaskFacts, number>();
  const dependents = new Map<string, TaskFacts[]>();
  for (const task of tasks) {
    const inside = [...new Set(task.dependencies)].filter((id) => own.has(id));
    missing.set(task, inside.length);
    for (const id of inside) {
      const known = dependents.get(id);
      if (known) known.push(task);
      else dependents.set(id, [task]);
    }
  }
  const found: TaskFacts[][] = [];
  let stage = tasks.filter((task) => missing.get(task) === 0);
  while (stage.length > 0) {
    found.push(stage);
    for (const task of stage) missing.delete(task);
    const next: TaskFacts[] = [];
    for (const dependent of stage.flatMap(({ taskId }) => dependents.get(taskId) ?? [])) {
      const left = (missing.get(dependent) ?? 0) - 1;
      missing.set(dependent, left);
      if (left === 0) next.push(dependent);
    }
    stage = next;
  }
  return missing.size === 0 ? found : [...found, [...missing.keys()]];
}

function aligned(rows: readonly (readonly string[])[]): string {
  return tableLines(rows)
    .map((line) => `${line}\n`)
    .join('');
}

function quoted(...lines: readonly string[]): string {
  return `"${lines.map((line) => line.replaceAll('\\', '\\\\').replaceAll('"', '\\"')).join('\\n')}"`;
}
