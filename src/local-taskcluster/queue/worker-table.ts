import { ApiError } from '../http/api-error.js';
import type { Worker } from './task.js';

const QUEUE_LIFETIME_MS = 5 * 24 * 60 * 60_000;
const WORKER_LIFETIME_MS = 24 * 60 * 60_000;
const MOST_RECENT_TASKS = 20;

/** A task queue from which a worker claimed, or tried to. */
export interface TaskQueue {
  readonly taskQueueId: string;
  readonly expires: Date;
  readonly lastDateActive: Date;
}

export interface TaskRun {
  readonly taskId: string;
  readonly runId: number;
}

/** A change of a worker's quarantine: the client that made it, and why. */
interface QuarantineEntry {
  readonly clientId: string;
  readonly updatedAt: string;
  readonly quarantineUntil: string;
  readonly quarantineInfo: string;
}

/** A worker as the queue knows it from its claims. */
export interface QueueWorker extends Worker {
  readonly taskQueueId: string;
  readonly expires: Date;
  readonly firstClaim: Date;
  readonly lastDateActive: Date;
  /** The last 20 tasks, the latest at the end. */
  readonly recentTasks: readonly TaskRun[];
  /** In the past for a worker that is not in quarantine. */
  readonly quarantineUntil: Date;
  readonly quarantineDetails: readonly QuarantineEntry[];
}

/** The task queues and workers seen in the last days. */
export class WorkerTable {
  readonly #now: () => Date;
  readonly #queues = new Map<string, TaskQueue>();
  readonly #workers = new Map<string, QueueWorker>();

  constructor(now: () => Date) {
    this.#now = now;
  }

  seenQueue(taskQueueId: string): void {
    this.#addQueue(taskQueueId, this.#after(QUEUE_LIFETIME_MS));
  }

  /** Records that the worker claims from the queue, or reclaims. */
  seen(taskQueueId: string, worker: Worker): void {
    this.seenQueue(taskQueueId);
    this.#add(taskQueueId, worker, this.#after(WORKER_LIFETIME_MS));
  }

  /** Records that the worker was given the run. */
  tookTask(taskQueueId: string, worker: Worker, { taskId, runId }: TaskRun): void {
    const known = this.find(taskQueueId, worker);
    if (!known) return;
    this.#set({ ...known, recentTasks: [...known.recentTasks, { taskId, runId }].slice(-MOST_RECENT_TASKS) });
  }

  /** Makes the worker known until `expires`, without a claim. */
  declare(taskQueueId: string, worker: Worker, expires: Date | undefined): QueueWorker {
    this.#addQueue(taskQueueId, expires ?? this.#after(QUEUE_LIFETIME_MS));
    return this.#add(taskQueueId, worker, expires ?? this.#after(WORKER_LIFETIME_MS));
  }

  /** Keeps tasks from the worker until the time in `why`. Throws ResourceNotFound. */
  quarantine(taskQueueId: string, worker: Worker, why: Omit<QuarantineEntry, 'updatedAt'>): QueueWorker {
    const known = this.get(taskQueueId, worker);
    const entry = { ...why, updatedAt: this.#now().toJSON() };
    const quarantineDetails = [...known.quarantineDetails, entry];
    return this.#set({ ...known, quarantineUntil: new Date(why.quarantineUntil), quarantineDetails });
  }

  isQuarantined({ quarantineUntil }: Pick<QueueWorker, 'quarantineUntil'>): boolean {
    return quarantineUntil > this.#now();
  }

  /** Returns undefined for a worker that was not seen lately, unless it is in quarantine. */
  find(taskQueueId: string, worker: Worker): QueueWorker | undefined {
    const known = this.#workers.get(keyOf(taskQueueId, worker));
    return known && this.#isKept(known) ? known : undefined;
  }

  /** Returns the worker. Throws ResourceNotFound. */
  get(taskQueueId: string, worker: Worker): QueueWorker {
    const known = this.find(taskQueueId, worker);
    if (known) return known;
    const name = `${worker.workerGroup}/${worker.workerId}`;
    throw new ApiError('ResourceNotFound', `No worker ${name} has claimed from ${taskQueueId} recently.`);
  }

  /** Returns the workers that claim from the queue. */
  list(taskQueueId: string): readonly QueueWorker[] {
    return [...this.#workers.values()].filter((known) => known.taskQueueId === taskQueueId && this.#isKept(known));
  }

  queues(): readonly TaskQueue[] {
    return [...this.#queues.values()].filter(({ expires }) => expires > this.#now());
  }

  /** Returns the task queue. Throws ResourceNotFound. */
  queue(taskQueueId: string): TaskQueue {
    const found = this.queues().find((queue) => queue.taskQueueId === taskQueueId);
    if (!found) throw new ApiError('ResourceNotFound', `No worker has claimed from ${taskQueueId} recently.`);
    return found;
  }

  #addQueue(taskQueueId: string, expires: Date): void {
    const latest = latestOf(this.#queues.get(taskQueueId)?.expires, expires);
    this.#queues.set(taskQueueId, { taskQueueId, expires: latest, lastDateActive: this.#now() });
  }

  #add(taskQueueId: string, { workerGroup, workerId }: Worker, expires: Date): QueueWorker {
    const now = this.#now();
    const known = this.find(taskQueueId, { workerGroup, workerId });
    const fresh = { firstClaim: now, recentTasks: [], quarantineUntil: now, quarantineDetails: [] };
    const latest = latestOf(known?.expires, expires);
    return this.#set({ ...fresh, ...known, taskQueueId, workerGroup, workerId, expires: latest, lastDateActive: now });
  }

  #set(worker: QueueWorker): QueueWorker {
    this.#workers.set(keyOf(worker.taskQueueId, worker), worker);
    return worker;
  }

  #isKept(worker: QueueWorker): boolean {
    return worker.expires > this.#now() || this.isQuarantined(worker);
  }

  #after(milliseconds: number): Date {
    return new Date(this.#now().getTime() + milliseconds);
  }
}

function keyOf(taskQueueId: string, { workerGroup, workerId }: Worker): string {
  return `${taskQueueId}/${workerGroup}/${workerId}`;
}

function latestOf(one: Date | undefined, other: Date): Date {
  return one && one > other ? one : other;
}
