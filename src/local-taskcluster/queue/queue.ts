import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { ApiError } from '../http/api-error.js';
import type { TaskStatus } from '../schemas/status-schemas.js';
import type { TaskDefinition } from '../schemas/task-schemas.js';
import { Claims } from './claims.js';
import type { Claim, ClaimOptions } from './claims.js';
import { Dependencies, checkDependencies } from './dependencies.js';
import type { Dependency } from './dependencies.js';
import { DueTimers } from './due-timers.js';
import { PendingRuns } from './pending-runs.js';
import type { Poll } from './pending-runs.js';
import { TaskChanges, viewOf } from './task-changes.js';
import type { TaskView } from './task-changes.js';
import { TaskGroups } from './task-groups.js';
import { Task, reasonOf } from './task.js';
import type { Resolution, SavedTask, Worker } from './task.js';

export interface QueueOptions extends ClaimOptions {
  readonly longPollMs: number;
  /** Called with every task that completed. */
  readonly onCompleted?: (task: Task) => void;
  /** Whether this pending task may be claimed now; all may by default. */
  readonly mayClaim?: (task: TaskView) => boolean;
}

/** All tasks with their runs, and which groups are sealed since when. */
export interface SavedQueue {
  /** `waitsFor` has the dependencies that are not satisfied yet. */
  readonly tasks: readonly (SavedTask & { readonly waitsFor: readonly string[] })[];
  readonly sealedGroups: readonly { readonly taskGroupId: string; readonly sealed: string }[];
}

/** The tasks and what can happen to them: they are created, claimed, reclaimed and resolved, and expire with time. */
export class Queue {
  readonly groups = new TaskGroups();
  readonly changes = new TaskChanges();
  readonly #options: QueueOptions;
  readonly #tasks = new Map<string, Task>();
  /** Tasks of other deployments that tasks here depend on. */
  readonly #elsewhere = new Map<string, Dependency>();
  readonly #dependencies = new Dependencies();
  readonly #pending: PendingRuns<Claim>;
  readonly #timers: DueTimers;
  readonly #claims: Claims;

  constructor(options: QueueOptions) {
    this.#options = options;
    this.#timers = new DueTimers(options.now);
    this.#claims = new Claims(options, this.#timers, (task) => {
      this.#expireClaim(task);
    });
    this.#pending = new PendingRuns({
      longPollMs: options.longPollMs,
      mayClaim: (task) => this.#mayClaim(task),
      claim: ({ task, runId }, worker) => this.#claim(task, runId, worker),
    });
  }

  /**
   * Creates the task; the same definition may be sent again. Throws RequestConflict for another definition under the
   * same id, or one that the task group does not accept, and InputError for invalid dependencies (MissingDependencies
   * for those that do not exist).
   */
  createTask(taskId: string, definition: TaskDefinition): TaskStatus {
    this.groups.check(definition);
    const existing = this.#tasks.get(taskId);
    if (existing) {
      if (isDeepStrictEqual(existing.definition, definition)) return existing.status();
      throw new ApiError('RequestConflict', `Task ${taskId} exists already, with another definition.`);
    }
    const find = (id: string): Dependency | undefined => this.#tasks.get(id) ?? this.#elsewhere.get(id);
    checkDependencies(taskId, definition, find);
    const task = new Task(taskId, definition);
    this.#add(task);
    if (this.#dependencies.add(task, find)) this.#schedule(task);
    else this.changes.notify(task);
    return task.status();
  }

  /** Lets tasks depend on a resolved task of another deployment. */
  addElsewhere(taskId: string, { state, expires }: Dependency): void {
    this.#elsewhere.set(taskId, { state, expires, isElsewhere: true });
  }

  all(): readonly Task[] {
    return [...this.#tasks.values()];
  }

  find(taskId: string): Task | undefined {
    return this.#tasks.get(taskId);
  }

  /** Returns the task. Throws ResourceNotFound. */
  task(taskId: string): Task {
    const task = this.#tasks.get(taskId);
    if (!task) throw new ApiError('ResourceNotFound', `There is no task ${taskId}.`);
    return task;
  }

  /** Claims up to `count` pending runs; waits for the first one, and claims nothing once the poll is closed. */
  async claimWork(poll: Poll): Promise<readonly Claim[]> {
    return this.#pending.take(poll);
  }

  /** Asks again, soon, which pending tasks may be claimed. */
  reviewPending(): void {
    this.#pending.review();
  }

  /** Waits as long as claimWork waits for work, for a worker that must not get any. */
  async idle(closed: AbortSignal): Promise<void> {
    try {
      await sleep(this.#options.longPollMs, undefined, { signal: closed });
    } catch {
      // The caller has closed the connection.
    }
  }

  /** Claims this run. Throws RequestConflict unless it is pending and may be claimed. */
  claimTask(taskId: string, runId: number, worker: Worker): Claim {
    const task = this.task(taskId);
    const { state } = this.#run(task, runId);
    if (task.deadline <= this.#options.now()) throw pastDeadline(task, 'claimed');
    if (state !== 'pending') throw new ApiError('RequestConflict', `Run ${runId} of task ${taskId} is ${state}.`);
    if (!this.#mayClaim(task)) {
      throw new ApiError('RequestConflict', `Task ${taskId} is held back: it can't be claimed yet.`);
    }
    return this.#claim(task, runId, worker);
  }

  reclaimTask(taskId: string, runId: number): Claim {
    const task = this.task(taskId);
    const { workerGroup, workerId, state } = this.#run(task, runId);
    if (task.deadline <= this.#options.now()) throw pastDeadline(task, 'reclaimed');
    if (state !== 'running' || workerGroup === undefined || workerId === undefined) {
      throw new ApiError('RequestConflict', `Run ${runId} of task ${taskId} is ${state}, not running.`);
    }
    return this.#claims.renew(task, runId, { workerGroup, workerId });
  }

  /** Applies a worker's report on its run. The same report may be repeated; throws RequestConflict for another one. */
  report(taskId: string, runId: number, resolution: Resolution): TaskStatus {
    const task = this.task(taskId);
    const run = this.#run(task, runId);
    if (run.state === 'running') this.#resolve(task, resolution);
    else if (run.reasonResolved !== reasonOf(resolution)) {
      throw new ApiError(
        'RequestConflict',
        `Run ${runId} of task ${taskId} is ${run.state} (${run.reasonResolved ?? 'never claimed'}) and can't be resolved.`,
      );
    }
    return task.status();
  }

  /**
   * Schedules the task whether or not its dependencies are resolved. Does not change a task that is already scheduled
   * or resolved.
   */
  scheduleTask(taskId: string): TaskStatus {
    const task = this.#beforeDeadline(taskId, 'scheduled');
    if (task.state === 'unscheduled') this.#schedule(task);
    return task.status();
  }

  /** Runs the task again, or for the first time. Does not change a task that is pending or running. */
  rerunTask(taskId: string): TaskStatus {
    const task = this.#beforeDeadline(taskId, 'run again');
    if (task.state === 'pending' || task.state === 'running') return task.status();
    const run = task.rerun(this.#options.now());
    if (!run) throw new ApiError('RequestConflict', `Task ${taskId} has as many runs as a task can have.`);
    this.#offer(task, run.runId);
    return task.status();
  }

  /** Cancels the task. Does not change a task that is already resolved. */
  cancelTask(taskId: string): TaskStatus {
    const task = this.#beforeDeadline(taskId, 'cancelled');
    if (isOpen(task)) this.#resolve(task, { state: 'exception', reason: 'canceled' });
    return task.status();
  }

  /** Cancels the group's unresolved tasks and returns them. Throws RequestConflict unless the group is sealed. */
  cancelTaskGroup(taskGroupId: string): readonly Task[] {
    if (this.groups.group(taskGroupId).sealed === undefined) {
      throw new ApiError('RequestConflict', `Task group ${taskGroupId} is not sealed: seal it before cancelling it.`);
    }
    // All are chosen first, because cancelling one may schedule others.
    const open = this.groups.tasks(taskGroupId).filter(isOpen);
    for (const task of open) this.#resolve(task, { state: 'exception', reason: 'canceled' });
    return open;
  }

  /** Returns all tasks that depend on this one. */
  dependents(taskId: string): readonly Task[] {
    return this.#dependencies.dependents(taskId);
  }

  /** Returns the tasks whose last run is pending in the task queue, oldest first. */
  pending(taskQueueId: string): readonly Task[] {
    return this.#pending.waiting(taskQueueId).map(({ task }) => task);
  }

  /** Returns the tasks whose last run is running in the task queue. */
  running(taskQueueId: string): readonly Task[] {
    return [...this.#tasks.values()].filter(
      ({ state, definition }) => state === 'running' && definition.taskQueueId === taskQueueId,
    );
  }

  save(): SavedQueue {
    const tasks = this.all().map((task) => ({ ...task.save(), waitsFor: this.#dependencies.open(task.taskId) }));
    return { tasks, sealedGroups: this.groups.sealed() };
  }

  /**
   * Adds saved tasks to a queue without tasks. Claims expire at once: no worker has valid credentials for them any
   * more.
   */
  restore({ tasks, sealedGroups }: SavedQueue): void {
    for (const { waitsFor, ...saved } of tasks) {
      const task = Task.restore(saved);
      this.#add(task);
      this.#dependencies.restore(task, waitsFor);
    }
    for (const { taskGroupId, sealed } of sealedGroups) this.groups.seal(taskGroupId, new Date(sealed));
    const scheduledAt = ({ lastRun }: Task): string => lastRun?.scheduled ?? '';
    const pending = this.all().filter(({ state }) => state === 'pending');
    for (const task of pending.sort((one, other) => (scheduledAt(one) < scheduledAt(other) ? -1 : 1))) {
      this.#pending.add(task, task.lastRun?.runId ?? 0);
    }
    for (const task of this.all()) this.#expireClaim(task);
  }

  /** Expires the claims and deadlines that are due now, without waiting for their timers. */
  resolveDue(): void {
    this.#timers.runDue();
  }

  close(): void {
    this.#timers.close();
  }

  #run(task: Task, runId: number): NonNullable<Task['lastRun']> {
    const run = task.run(runId);
    if (!run) throw new ApiError('ResourceNotFound', `Task ${task.taskId} has no run ${runId}.`);
    return run;
  }

  /** Returns the task. Throws ResourceNotFound, and RequestConflict when it is past its deadline. */
  #beforeDeadline(taskId: string, change: string): Task {
    const task = this.task(taskId);
    if (task.deadline < this.#options.now()) throw pastDeadline(task, change);
    return task;
  }

  #add(task: Task): void {
    this.#tasks.set(task.taskId, task);
    this.groups.add(task);
    this.#timers.set(`deadline ${task.taskId}`, task.deadline, () => {
      this.#exceedDeadline(task);
    });
  }

  #mayClaim(task: Task): boolean {
    const { mayClaim } = this.#options;
    return mayClaim === undefined || mayClaim(viewOf(task));
  }

  #claim(task: Task, runId: number, worker: Worker): Claim {
    const claim = this.#claims.begin(task, runId, worker);
    this.changes.notify(task);
    return claim;
  }

  #schedule(task: Task): void {
    this.#offer(task, task.schedule('scheduled', this.#options.now()).runId);
  }

  /** Offers a new pending run to workers. */
  #offer(task: Task, runId: number): void {
    this.#pending.add(task, runId);
    this.changes.notify(task);
  }

  #resolve(task: Task, resolution: Resolution): void {
    const now = this.#options.now();
    this.#claims.end(task);
    const next = task.resolve(resolution, now);
    if (next) {
      this.#offer(task, next.runId);
      return;
    }
    if (resolution.state === 'completed') this.#options.onCompleted?.(task);
    this.changes.notify(task);
    for (const dependent of this.#dependencies.resolved(task)) {
      if (dependent.state === 'unscheduled' && dependent.deadline >= now) this.#schedule(dependent);
    }
  }

  #expireClaim(task: Task): void {
    if (task.state === 'running') this.#resolve(task, { state: 'exception', reason: 'claim-expired' });
  }

  #exceedDeadline(task: Task): void {
    if (isOpen(task)) this.#resolve(task, { state: 'exception', reason: 'deadline-exceeded' });
  }
}

function isOpen(task: Task): boolean {
  return ['unscheduled', 'pending', 'running'].includes(task.state);
}

function pastDeadline({ taskId, definition }: Task, change: string): ApiError {
  return new ApiError(
    'RequestConflict',
    `Task ${taskId} can't be ${change} past its deadline (${definition.deadline}).`,
  );
}
