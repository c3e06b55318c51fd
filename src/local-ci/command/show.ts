import type { RunOptions } from '../graph/run-options.js';
import { NO_TASKS, SUCCESS } from '../graph/exit-code.js';
import { selectTasks } from '../graph/selection.js';
import type { RenderedGraph } from '../model.js';
import { announcement } from './announce.js';
import { WRONG_INPUT } from './exit-codes.js';
import { taskDot, taskJson, taskStages, taskTable } from './list.js';
import { prepare } from './prepare.js';
import type { Place, Prepared } from './prepare.js';
import { tell } from './program.js';
import type { Program } from './program.js';
import type { Settings } from './settings.js';
import { configOf, rootUrlIn, upstreamIn } from './told-settings.js';

/** The address in rendered tasks that are only shown or checked: local-taskcluster's own. */
const SHOWN_ROOT_URL = 'http://127.0.0.1:8080';

/** Prints the tasks, or what is wrong with them; nothing runs. Returns the exit code. */
export async function show(place: Place, settings: Settings, program: Program): Promise<number> {
  const { given } = settings;
  const prepared = await prepare(place, settings, program, rootUrlIn(settings, program) ?? SHOWN_ROOT_URL);
  const { tasks } = selectTasks(prepared.graph, { names: given.task ?? [], only: given.only === true });
  const graph: RenderedGraph = { ...prepared.graph, tasks };
  if (given.json === true) program.output.write(taskJson(graph));
  if (tasks.length === 0) return noTasks(prepared, program);
  if (given.json === true) return SUCCESS;
  if (given.graph !== undefined) {
    program.output.write(given.graph === 'dot' ? taskDot(graph) : taskStages(graph));
    return SUCCESS;
  }
  for (const line of announcement(prepared)) tell(program, line);
  if (given.dryRun === true) return await check({ ...prepared, graph }, settings, program);
  program.output.write(taskTable(graph));
  return SUCCESS;
}

/** Says that there is nothing to run, and returns the exit code for that. */
export function noTasks(prepared: Prepared, program: Program): number {
  for (const line of announcement(prepared)) tell(program, line);
  tell(program, 'the file makes no tasks of this event: nothing was run');
  return NO_TASKS;
}

/** Prints what is wrong with the tasks. */
async function check({ graph, trigger }: Prepared, settings: Settings, program: Program): Promise<number> {
  // Whoever only lists tasks need not wait for the local Taskcluster to be loaded.
  const { dryRun, dryRunLines } = await import('./dry-run.js');
  const { env: environment, version, canceled: signal } = program;
  const upstream: RunOptions['upstream'] = upstreamIn(settings, program);
  const config = await configOf(settings, program);
  const checked = await dryRun({ graph, trigger, upstream, settings: config, environment, version, signal });
  program.output.write(
    dryRunLines(checked)
      .map((line) => `${line}\n`)
      .join(''),
  );
  return checked.every(({ result }) => result === 'ok') ? SUCCESS : WRONG_INPUT;
}
