import { isDeepStrictEqual } from 'node:util';
import type { Credentials } from '../../lib/queue/queue-client.js';
import type { PermanentClient } from '../auth/client-table.js';
import { issueCredentials } from '../auth/temporary-credentials.js';
import { ApiError } from '../http/api-error.js';
import type { TaskStatus } from '../schemas/status-schemas.js';
import type { TaskDefinition } from '../schemas/task-schemas.js';
import { DueTimers } from './due-timers.js';
import { PendingRuns } from './pending-runs.js';
import { Task, reasonOf } from './task.js';
import type { Resolution, Worker } from './task.js';

const CREDENTIALS_MARGIN_MS = 15 * 60_000;

export interface QueueOptions {
  readonly claimTimeoutMs: number;
  readonly longPollMs: number;
  readonly now: () => Date;
  /** Signs the credentials of claims. */
  readonly issuer: PermanentClient;
}

export interface Claim {
  readonly task: Task;
  readonly runId: number;
  readonly worker: Worker;
  readonly takenUntil: Date;
  readonly credentials: Required<Credentials>;
}

/** The tasks and what may happen to them: created, claimed, reclaimed, resolved, and by time alone expired. */
export class Queue {
  readonly #options: QueueOptions;
  readonly #tasks = new Map<string, Task>();
  readonly #pending = new PendingRuns();
  readonly #timers: DueTimers;

  constructor(options: QueueOptions) {
    this.#options = options;
    this.#timers = new DueTimers(options.now);
  }

  /** The same definition again is fine; another one under the same id is a RequestConflict. */
  createTask(taskId: string, definition: TaskDefinition): TaskStatus {
    const existing = this.#tasks.get(taskId);
    if (existing) {
      if (isDeepStrictEqual(existing.definition, definition)) return existing.status();
      throw new ApiError('RequestConflict', `Task ${taskId} exists already, with another definition.`);
    }
    const task = new Task(taskId, definition);
    this.#tasks.set(taskId, task);
    this.#timers.set(`deadline ${taskId}`, task.deadline, () => {
      this.#exceedDeadline(task);
    });
    this.#pending.add(task, task.schedule('scheduled', this.#options.now()).runId);
    return task.status();
  }

  /** Throws ResourceNotFound. */
  task(taskId: string): Task {
    const task = this.#tasks.get(taskId);
    if (!task) throw new ApiError('ResourceNotFound', `There is no task ${taskId}.`);
    return task;
  }

  /** Claims up to `count` pending runs; waits for the first one, and claims nothing once `closed` aborts. */
  async claimWork(taskQueueId: string, count: number, worker: Worker, closed: AbortSignal): Promise<readonly Claim[]> {
    const runs = await this.#pending.take(taskQueueId, count, this.#options.longPollMs, closed);
    return runs.map(({ task, runId }) => {
      const takenUntil = this.#newTakenUntil();
      task.claim(runId, worker, takenUntil, this.#options.now());
      return this.#grant(task, runId, worker, takenUntil);
    });
  }

  reclaimTask(taskId: string, runId: number): Claim {
    const task = this.task(taskId);
    const { workerGroup, workerId, state } = this.#run(task, runId);
    if (task.deadline <= this.#options.now()) {
      throw new ApiError('RequestConflict', `Task ${taskId} can't be reclaimed past its deadline.`);
    }
    if (state !== 'running' || workerGroup === undefined || workerId === undefined) {
      throw new ApiError('RequestConflict', `Run ${runId} of task ${taskId} is ${state}, not running.`);
    }
    const takenUntil = this.#newTakenUntil();
    task.extendClaim(runId, takenUntil);
    return this.#grant(task, runId, { workerGroup, workerId }, takenUntil);
  }

  /** A worker's report on its run; the same report again is fine, another one is a RequestConflict. */
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

  /** Cancelling again is fine; a task that ended otherwise is a RequestConflict. */
  cancelTask(taskId: string): TaskStatus {
    const task = this.task(taskId);
    if (task.deadline < this.#options.now()) {
      throw new ApiError('RequestConflict', `Task ${taskId} can't be cancelled past its deadline.`);
    }
    if (isOpen(task)) this.#resolve(task, { state: 'exception', reason: 'canceled' });
    else if (task.lastRun?.reasonResolved !== 'canceled') {
      throw new ApiError('RequestConflict', `Task ${taskId} is ${task.state} already and can't be cancelled.`);
    }
    return task.status();
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

  #newTakenUntil(): Date {
    return new Date(this.#options.now().getTime() + this.#options.claimTimeoutMs);
  }

  #grant(task: Task, runId: number, worker: Worker, takenUntil: Date): Claim {
    const { taskId } = task;
    this.#timers.set(`claim ${taskId}`, takenUntil, () => {
      if (task.state === 'running') this.#resolve(task, { state: 'exception', reason: 'claim-expired' });
    });
    const until = Math.floor(takenUntil.getTime() / 1000);
    const credentials = issueCredentials(this.#options.issuer, {
      clientId: `task-client/${taskId}/${runId}/on/${worker.workerGroup}/${worker.workerId}/until/${until}`,
      scopes: [
        `queue:reclaim-task:${taskId}/${runId}`,
        `queue:resolve-task:${taskId}/${runId}`,
        `queue:create-artifact:${taskId}/${runId}`,
        ...task.definition.scopes,
      ],
      start: new Date(this.#options.now().getTime() - CREDENTIALS_MARGIN_MS),
      expiry: new Date(takenUntil.getTime() + CREDENTIALS_MARGIN_MS),
    });
    return { task, runId, worker, takenUntil, credentials };
  }

  #resolve(task: Task, resolution: Resolution): void {
    this.#timers.delete(`claim ${task.taskId}`);
    const next = task.resolve(resolution, this.#options.now());
    if (next) this.#pending.add(task, next.runId);
  }

  #exceedDeadline(task: Task): void {
    if (isOpen(task)) this.#resolve(task, { state: 'exception', reason: 'deadline-exceeded' });
  }
}

function isOpen(task: Task): boolean {
  return ['unscheduled', 'pending', 'running'].includes(task.state);
}
