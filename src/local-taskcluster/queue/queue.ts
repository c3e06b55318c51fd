import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Credentials } from '../../lib/queue/queue-client.js';
import type { PermanentClient } from '../auth/client-table.js';
import { ApiError } from '../http/api-error.js';
import type { TaskStatus } from '../schemas/status-schemas.js';
import type { TaskDefinition } from '../schemas/task-schemas.js';
import { claimCredentials } from './claim-credentials.js';
import { Dependencies, checkDependencies } from './dependencies.js';
import { DueTimers } from './due-timers.js';
import { PendingRuns } from './pending-runs.js';
import { TaskGroups } from './task-groups.js';
import { Task, reasonOf } from './task.js';
import type { Resolution, Worker } from './task.js';

export interface QueueOptions {
  readonly claimTimeoutMs: number;
  readonly longPollMs: number;
  /** How long a claim's credentials stay valid beyond the claim, in milliseconds. */
  readonly credentialsGraceMs: number;
  readonly now: () => Date;
  /** Signs the credentials of claims. */
  readonly issuer: PermanentClient;
  /** Called with every task that completed. */
  readonly onCompleted?: (task: Task) => void;
}

export interface Claim {
  readonly task: Task;
  readonly runId: number;
  readonly worker: Worker;
  readonly takenUntil: Date;
  readonly credentials: Required<Credentials>;
}

/** The tasks and what can happen to them: they are created, claimed, reclaimed and resolved, and expire with time. */
export class Queue {
  readonly groups = new TaskGroups();
  readonly #options: QueueOptions;
  readonly #tasks = new Map<string, Task>();
  readonly #dependencies = new Dependencies();
  readonly #pending = new PendingRuns();
  readonly #timers: DueTimers;

  constructor(options: QueueOptions) {
    this.#options = options;
    this.#timers = new DueTimers(options.now);
  }

  /**
   * Creates the task; the same definition may be sent again. Throws RequestConflict for another definition under the
   * same id, or one that the task group does not accept, and InputError for invalid dependencies.
   */
  createTask(taskId: string, definition: TaskDefinition): TaskStatus {
    this.groups.check(definition);
    const existing = this.#tasks.get(taskId);
    if (existing) {
      if (isDeepStrictEqual(existing.definition, definition)) return existing.status();
      throw new ApiError('RequestConflict', `Task ${taskId} exists already, with another definition.`);
    }
    checkDependencies(taskId, definition, this.#tasks);
    const task = new Task(taskId, definition);
    this.#tasks.set(taskId, task);
    this.groups.add(task);
    this.#timers.set(`deadline ${taskId}`, task.deadline, () => {
      this.#exceedDeadline(task);
    });
    if (this.#dependencies.add(task, this.#tasks)) this.#schedule(task);
    return task.status();
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

  /** Claims up to `count` pending runs; waits for the first one, and claims nothing once `closed` aborts. */
  async claimWork(taskQueueId: string, count: number, worker: Worker, closed: AbortSignal): Promise<readonly Claim[]> {
    const runs = await this.#pending.take(taskQueueId, count, this.#options.longPollMs, closed);
    return runs.map(({ task, runId }) => this.#claim(task, runId, worker));
  }

  /** Waits as long as claimWork waits for work, for a worker that must not get any. */
  async idle(closed: AbortSignal): Promise<void> {
    try {
      await sleep(this.#options.longPollMs, undefined, { signal: closed });
    } catch {
      // The caller has closed the connection.
    }
  }

  /** Claims this run. Throws RequestConflict unless it is pending. */
  claimTask(taskId: string, runId: number, worker: Worker): Claim {
    const task = this.task(taskId);
    const { state } = this.#run(task, runId);
    if (task.deadline <= this.#options.now()) throw pastDeadline(task, 'claimed');
    if (state !== 'pending') throw new ApiError('RequestConflict', `Run ${runId} of task ${taskId} is ${state}.`);
    return this.#claim(task, runId, worker);
  }

  reclaimTask(taskId: string, runId: number): Claim {
    const task = this.task(taskId);
    const { workerGroup, workerId, state } = this.#run(task, runId);
    if (task.deadline <= this.#options.now()) throw pastDeadline(task, 'reclaimed');
    if (state !== 'running' || workerGroup === undefined || workerId === undefined) {
      throw new ApiError('RequestConflict', `Run ${runId} of task ${taskId} is ${state}, not running.`);
    }
    const takenUntil = this.#newTakenUntil();
    task.extendClaim(runId, takenUntil);
    return this.#grant(task, runId, { workerGroup, workerId }, takenUntil);
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
    this.#pending.add(task, run.runId);
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

  #newTakenUntil(): Date {
    return new Date(this.#options.now().getTime() + this.#options.claimTimeoutMs);
  }

  #claim(task: Task, runId: number, worker: Worker): Claim {
    const takenUntil = this.#newTakenUntil();
    task.claim(runId, worker, takenUntil, this.#options.now());
    return this.#grant(task, runId, worker, takenUntil);
  }

  #grant(task: Task, runId: number, worker: Worker, takenUntil: Date): Claim {
    this.#timers.set(`claim ${task.taskId}`, takenUntil, () => {
      if (task.state === 'running') this.#resolve(task, { state: 'exception', reason: 'claim-expired' });
    });
    const claim = { task, runId, worker, takenUntil };
    const { issuer, now, credentialsGraceMs: graceMs } = this.#options;
    return { ...claim, credentials: claimCredentials(issuer, claim, { now: now(), graceMs }) };
  }

  #schedule(task: Task): void {
    this.#pending.add(task, task.schedule('scheduled', this.#options.now()).runId);
  }

  #resolve(task: Task, resolution: Resolution): void {
    const now = this.#options.now();
    this.#timers.delete(`claim ${task.taskId}`);
    const next = task.resolve(resolution, now);
    if (next) {
      this.#pending.add(task, next.runId);
      return;
    }
    if (resolution.state === 'completed') this.#options.onCompleted?.(task);
    for (const dependent of this.#dependencies.resolved(task)) {
      if (dependent.state === 'unscheduled' && dependent.deadline >= now) this.#schedule(dependent);
    }
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
