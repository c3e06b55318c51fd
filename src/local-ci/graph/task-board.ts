import { lastRun } from './last-run.js';
import type { TaskView } from '../../local-taskcluster/server.js';
import { workerKind } from './worker-kind.js';
import type { WorkerKind } from './worker-kind.js';

/** How a task stands, as people see it. `runId` is the run that the state is about. */
export type Standing =
  | { readonly state: 'unscheduled' }
  | { readonly state: 'pending' | 'running' | 'completed' | 'failed'; readonly runId: number }
  | { readonly state: 'exception'; readonly runId: number; readonly reason: string }
  | { readonly state: 'skipped'; readonly implementation: string }
  /** It can't run, because of the task `by`, which need not be one that it depends on directly. */
  | { readonly state: 'blocked'; readonly by: string };

/** A change of a task's standing; `before` is undefined for a new task. */
export interface Change {
  readonly entry: Entry;
  readonly before: Standing | undefined;
}

/** A task and how it stands now. */
export interface Entry {
  readonly view: TaskView;
  readonly worker: WorkerKind;
  readonly standing: Standing;
}

/** The states that may keep the tasks behind them from running. */
const OBSTACLES = new Set<Standing['state']>(['failed', 'exception', 'skipped', 'blocked']);

/** All tasks of the run, and what follows from their states and dependencies: which can still run. */
export class TaskBoard {
  readonly #entries = new Map<string, Entry>();
  /** The tasks that wait for each task, by its id. */
  readonly #dependents = new Map<string, string[]>();
  /** The ids of the groups that have a task with another id. */
  readonly #groups = new Set<string>();
  readonly #running = new Set<string>();
  readonly #pending = new Set<string>();

  /** In the order in which they were created. */
  entries(): Iterable<Entry> {
    return this.#entries.values();
  }

  find(taskId: string): Entry | undefined {
    return this.#entries.get(taskId);
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Returns whether a task has made a group of tasks of its own, as decision tasks do. */
  hasGroup(taskId: string): boolean {
    return this.#groups.has(taskId);
  }

  /** The ids of the tasks that are running. */
  get running(): ReadonlySet<string> {
    return this.#running;
  }

  /** The ids of the tasks that wait for a worker that there is one of here. */
  get pending(): ReadonlySet<string> {
    return this.#pending;
  }

  /** Records a task as it is now; returns what changed with it: its standing, and that of tasks that depend on it. */
  update(view: TaskView): readonly Change[] {
    const known = this.#entries.get(view.taskId);
    const worker = known?.worker ?? workerKind(view.definition);
    if (!known) this.#add(view);
    const changes: Change[] = [];
    this.#place({ view, worker, standing: this.#standingOf(view, worker) }, changes);
    // The list grows meanwhile, by what follows from its own items.
    for (const change of changes) this.#revise(change, changes);
    return changes;
  }

  #add({ taskId, definition }: TaskView): void {
    if (definition.taskGroupId !== taskId) this.#groups.add(definition.taskGroupId);
    for (const dependency of definition.dependencies) {
      const dependents = this.#dependents.get(dependency) ?? [];
      dependents.push(taskId);
      this.#dependents.set(dependency, dependents);
    }
  }

  /** Stores the entry, and notes the change if there is one. */
  #place(entry: Entry, changes: Change[]): void {
    const { taskId } = entry.view;
    const before = this.#entries.get(taskId)?.standing;
    this.#entries.set(taskId, entry);
    const { state } = entry.standing;
    if (state === 'running') this.#running.add(taskId);
    else this.#running.delete(taskId);
    if (state === 'pending') this.#pending.add(taskId);
    else this.#pending.delete(taskId);
    if (!before || !isSame(before, entry.standing)) changes.push({ entry, before });
  }

  /**
   * Notes the changes that follow for the tasks that depend directly on the changed one. Most changes have none: looking
   * for them each time would take quadratic time for a task with thousands of dependencies.
   */
  #revise({ entry: changed, before }: Change, changes: Change[]): void {
    const isObstacle = OBSTACLES.has(changed.standing.state);
    const wasObstacle = before !== undefined && OBSTACLES.has(before.state);
    if (!isObstacle && !wasObstacle) return;
    const { taskId } = changed.view;
    // The queue tells of all changes of tasks in other states.
    const affected = wasObstacle ? ['unscheduled', 'blocked'] : ['unscheduled'];
    for (const dependent of this.#dependents.get(taskId) ?? []) {
      const entry = this.#entries.get(dependent);
      if (!entry || dependent === taskId || !affected.includes(entry.standing.state)) continue;
      const standing = this.#standingOf(entry.view, entry.worker);
      if (!isSame(standing, entry.standing)) this.#place({ ...entry, standing }, changes);
    }
  }

  #standingOf(view: TaskView, worker: WorkerKind): Standing {
    const run = lastRun(view);
    const isOpen = run === undefined || run.state === 'pending';
    if (worker.kind === 'other' && isOpen) return { state: 'skipped', implementation: worker.implementation };
    if (!run) return this.#blocker(view) ?? { state: 'unscheduled' };
    const { runId, state } = run;
    return state === 'exception' ? { state, runId, reason: run.reasonResolved ?? 'unknown' } : { state, runId };
  }

  /** Returns why a task that is not scheduled can't be; undefined if it still may be. */
  #blocker({ taskId, definition }: TaskView): Standing | undefined {
    const needsSuccess = definition.requires === 'all-completed';
    for (const id of definition.dependencies) {
      const standing = id === taskId ? undefined : this.#entries.get(id)?.standing;
      if (standing?.state === 'blocked') return standing;
      const isNeverResolved = standing?.state === 'skipped';
      const isUnsuccessful = standing?.state === 'failed' || standing?.state === 'exception';
      if (isNeverResolved || (needsSuccess && isUnsuccessful)) return { state: 'blocked', by: id };
    }
    return undefined;
  }
}

function isSame(a: Standing, b: Standing): boolean {
  if (a.state === 'blocked' && b.state === 'blocked') return a.by === b.by;
  const runOf = (standing: Standing): number | undefined => ('runId' in standing ? standing.runId : undefined);
  return a.state === b.state && runOf(a) === runOf(b);
}
