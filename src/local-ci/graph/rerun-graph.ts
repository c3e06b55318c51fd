import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { LocalTaskcluster, LocalTaskclusterState } from '../../local-taskcluster/server.js';
import type { RenderedGraph } from '../model.js';
import { stateFrom, tasksFrom } from './later-times.js';
import { runGraph } from './run-graph.js';
import type { GraphResult, RunOptions } from './run-options.js';
import { keepRecord, readRecord } from './run-record.js';
import type { RunRecord } from './run-record.js';
import { DATA_DIRECTORY, queueOf, runTasks } from './run-tasks.js';
import { selectTasks } from './selection.js';
import type { TaskBoard } from './task-board.js';
import type { TaskView } from '../../local-taskcluster/server.js';

type SavedTask = LocalTaskclusterState['queue']['tasks'][number];

/** Which tasks of an earlier run run again. */
export type Rerun = 'all' | 'failed';

/**
 * Runs tasks of the last run in `options.directory` again. `failed`: those that failed, were canceled or could not run;
 * all others keep their results and artifacts. `all`: the whole graph, as if it had been rendered now, without what the
 * last run left. Throws CiInputError when there is no such run.
 */
export async function rerunGraph(which: Rerun, options: RunOptions): Promise<GraphResult> {
  const record = await readRecord(options.directory);
  const { graph, selection, roles } = record;
  if (which === 'failed') return await rerunFailed(record, options);
  await rm(join(options.directory, DATA_DIRECTORY), { recursive: true, force: true });
  return await runGraph({ ...options, graph: graphFrom(graph, new Date()), selection, roles });
}

function graphFrom(graph: RenderedGraph, now: Date): RenderedGraph {
  const later = tasksFrom(
    graph.tasks.map(({ task }) => task),
    now,
  );
  return { ...graph, tasks: graph.tasks.map((each, i) => ({ ...each, task: later[i] ?? each.task })) };
}

async function rerunFailed(
  { graph, selection, roles, facts, state }: RunRecord,
  options: RunOptions,
): Promise<GraphResult> {
  const plan = planOf(stateFrom(state, new Date()));
  return await runTasks(options, {
    roles,
    state: plan.state,
    knownFacts: facts,
    asked: selectTasks(graph, selection).asked,
    note: plan.again.size + plan.ready.length === 0 ? 'No task of the last run has failed.' : undefined,
    mustWait: (task, board) => waitsForRerun(task, board, plan.again),
    prepare: (taskcluster) => start(plan, taskcluster),
    keep: (taskcluster, newFacts) =>
      keepRecord(options.directory, { graph, selection, roles, facts: newFacts, taskcluster }),
  });
}

interface Plan {
  readonly state: LocalTaskclusterState;
  /** The ids of resolved tasks that get another run. */
  readonly again: ReadonlySet<string>;
  /** The ids of tasks that were resolved before they started, and that wait for no other. */
  readonly ready: readonly string[];
}

function planOf(state: LocalTaskclusterState): Plan {
  const completed = new Set(
    state.queue.tasks.flatMap(({ taskId, runs }) => (runs.at(-1)?.state === 'completed' ? [taskId] : [])),
  );
  const known = new Set(state.queue.tasks.map(({ taskId }) => taskId));
  const isOpen = (taskId: string): boolean => known.has(taskId) && !completed.has(taskId);
  const reset = new Set<string>();
  const tasks = state.queue.tasks.map((task) => {
    if (!wasResolvedWithoutStart(task)) return task;
    reset.add(task.taskId);
    const waitsFor = task.definition.dependencies.filter(isOpen);
    return { ...task, wasResolved: false, runs: task.runs.slice(0, -1), waitsFor };
  });
  const again = tasks.filter(({ runs }) => ['failed', 'exception'].includes(runs.at(-1)?.state ?? ''));
  const ready = tasks.filter(
    ({ taskId, runs, waitsFor }) => reset.has(taskId) && runs.length === 0 && waitsFor.length === 0,
  );
  return {
    state: { ...state, queue: { ...state.queue, tasks } },
    again: new Set(again.map(({ taskId }) => taskId)),
    ready: ready.map(({ taskId }) => taskId),
  };
}

/** A task that was canceled, or reached its deadline, before a worker had it: it is as if it had waited until now. */
function wasResolvedWithoutStart({ runs }: SavedTask): boolean {
  const run = runs.at(-1);
  return run?.state === 'exception' && run.started === undefined;
}

async function start({ again, ready }: Plan, taskcluster: LocalTaskcluster): Promise<void> {
  const queue = queueOf(taskcluster);
  for (const taskId of again) await queue.rerunTask(taskId);
  for (const taskId of ready) await queue.scheduleTask(taskId);
}

/** The queue lets a task that runs again start at once; but what it depends on may run again too. */
function waitsForRerun({ definition }: TaskView, board: TaskBoard, again: ReadonlySet<string>): boolean {
  return definition.dependencies.some((taskId) => {
    const state = again.has(taskId) ? board.find(taskId)?.standing.state : undefined;
    return state === 'pending' || state === 'running' || state === 'unscheduled';
  });
}
