import { TaskError } from '../../lib/outcome/errors.js';
import { TaskScopes } from '../../lib/queue/task-scopes.js';
import type { ConfigTree } from '../../lib/config/layers.js';
import { TaskChecker } from '../../lib/worker/compose/admission.js';
import { assumedRoles } from '../../local-run/assumed-roles.js';
import { localConfig } from '../../local-run/local-config.js';
import { LocalTaskcluster } from '../../local-taskcluster/server.js';
import type { LocalTaskclusterOptions } from '../../local-taskcluster/server.js';
import { createTasks } from '../graph/create-tasks.js';
import { localRoles } from '../graph/local-roles.js';
import { printable } from '../graph/printable.js';
import type { TaskView } from '../../local-taskcluster/server.js';
import { workerKind } from '../graph/worker-kind.js';
import { workerSettings } from '../graph/worker-settings.js';
import { CiInputError } from '../model.js';
import type { CiTrigger, RenderedGraph } from '../model.js';
import { taskFacts } from './task-facts.js';

export interface DryRunOptions {
  readonly graph: RenderedGraph;
  readonly trigger: CiTrigger;
  readonly upstream?: LocalTaskclusterOptions['upstream'];
  /** Settings of the workers. */
  readonly settings: ConfigTree;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly version: string;
  readonly signal: AbortSignal;
}

/** What was found out about a task. */
export interface CheckedTask {
  readonly name: string;
  readonly result: 'ok' | 'wrong' | 'not-checked';
  /** What is wrong, or why it was not checked. */
  readonly reason?: string;
}

/** All files of the worker that there is none of would be there. */
const NOWHERE = '/nonexistent';

/**
 * Checks all tasks: the queue's rules, by creating them on a Taskcluster without workers, and the worker's, by its own
 * code and configuration. Nothing is run. Throws a ConfigError for wrong settings.
 */
export async function dryRun(options: DryRunOptions): Promise<readonly CheckedTask[]> {
  const { graph, trigger, upstream, signal } = options;
  const roles = localRoles(trigger, graph.scopes);
  const taskcluster = await LocalTaskcluster.start({ roles, ...(upstream && { upstream }) });
  try {
    const refused = await createAll(graph, taskcluster, signal);
    const views = new Map(taskcluster.tasks().map((view) => [view.taskId, view]));
    const checkers = new Checkers(options, taskcluster);
    const checked: CheckedTask[] = [];
    for (const task of graph.tasks) {
      const view = views.get(task.taskId);
      const found = refused.get(task.taskId) ?? (view ? await checkers.check(view) : undefined);
      if (found) checked.push({ name: taskFacts(task).name, ...found });
    }
    return checked;
  } finally {
    await taskcluster.close();
  }
}

type Found = Omit<CheckedTask, 'name'>;

/** Creates all tasks, also after one that is refused; returns why others were not created, by their ids. */
async function createAll(
  graph: RenderedGraph,
  { rootUrl, credentials }: LocalTaskcluster,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Found>> {
  const names = new Map(graph.tasks.map((task) => [task.taskId, taskFacts(task).name]));
  const refused = new Map<string, Found>();
  for (const task of graph.tasks) {
    signal.throwIfAborted();
    const missing = taskFacts(task).dependencies.find((id) => refused.has(id));
    if (missing !== undefined) {
      refused.set(task.taskId, { result: 'not-checked', reason: `it depends on ${names.get(missing) ?? missing}` });
      continue;
    }
    try {
      await createTasks([task], { rootUrl, credentials, scopes: graph.scopes });
    } catch (error) {
      if (!(error instanceof CiInputError)) throw error;
      refused.set(task.taskId, { result: 'wrong', reason: error.message });
    }
  }
  return refused;
}

/** Decides about tasks as the worker of their task queue would. */
class Checkers {
  readonly #options: DryRunOptions;
  readonly #taskcluster: LocalTaskcluster;
  readonly #byQueue = new Map<string, Promise<TaskChecker>>();

  constructor(options: DryRunOptions, taskcluster: LocalTaskcluster) {
    this.#options = options;
    this.#taskcluster = taskcluster;
  }

  async check({ definition }: TaskView): Promise<Found> {
    const worker = workerKind(definition);
    if (worker.kind === 'built-in') return { result: 'ok' };
    if (worker.kind === 'other') return { result: 'ok', reason: `its payload is for ${worker.implementation}` };
    const checker = await this.#checkerOf(definition.taskQueueId);
    const { scopes: listed, payload } = definition;
    // What roles grant in the deployment is not known: here they grant everything.
    const grants = assumedRoles(listed).length > 0;
    const scopes = new TaskScopes(listed, grants ? () => Promise.resolve(['*']) : undefined);
    const devices = checker.deniedDevices(payload);
    if (devices.length > 0) {
      return { result: 'wrong', reason: `this worker gives no task devices of these kinds: ${devices.join(', ')}` };
    }
    try {
      await checker.check({ definition: { ...definition }, scopes }, this.#options.signal);
      return { result: 'ok' };
    } catch (error) {
      if (error instanceof TaskError) return { result: 'wrong', reason: error.message };
      throw error;
    }
  }

  async #checkerOf(taskQueueId: string): Promise<TaskChecker> {
    const known = this.#byQueue.get(taskQueueId) ?? this.#makeChecker(taskQueueId);
    this.#byQueue.set(taskQueueId, known);
    return await known;
  }

  async #makeChecker(taskQueueId: string): Promise<TaskChecker> {
    const { settings, environment: env, version } = this.#options;
    const { rootUrl, credentials } = this.#taskcluster;
    const ofQueue = workerSettings({ taskQueueId, capacity: 1, cacheDirectory: undefined, settings });
    return new TaskChecker(await localConfig({ rootUrl, credentials, settings: ofQueue, env }, NOWHERE), version);
  }
}

const LONGEST_LINE = 2000;

/** Returns the lines that tell what was found out. */
export function dryRunLines(checked: readonly CheckedTask[]): readonly string[] {
  const words = { ok: 'ok', wrong: 'wrong', 'not-checked': 'not checked' } as const;
  return checked.flatMap(({ name, result, reason = '' }) => {
    const line = `${words[result].padEnd(11)}  ${name}`;
    if (reason === '') return [line];
    const lines = reason.split('\n').map((each) => printable(each, LONGEST_LINE));
    return result === 'wrong' ? [line, ...lines.map((each) => `    ${each}`)] : [`${line} (${lines.join(' ')})`];
  });
}
