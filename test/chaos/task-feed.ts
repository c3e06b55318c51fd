import { setTimeout as sleep } from 'node:timers/promises';
import { nice as newSlugid } from 'slugid';
import type { Queue, TaskStatus } from 'taskcluster-client';
import { isOver } from '../stress/check-task.js';
import { planTask } from '../stress/graph.js';
import type { PlannedTask } from '../stress/graph.js';
import type { Kind } from '../stress/kinds.js';
import type { WorkerEvent } from '../stress/worker-process.js';
import type { Random } from './random.js';

/** So many that no worker ever waits for work. */
const OPEN_TASKS = 10;
/** A listing of a group has all of its tasks: small ones are listed fast. */
const GROUP_SIZE = 25;
const POLL_MS = 500;
/** A task that is disturbed all the time must still come to its end. */
const RETRIES = 49;

export interface EndedTask {
  readonly task: PlannedTask;
  readonly status: TaskStatus;
}

/** Creates tasks as others end, cancels those that are to be canceled, and knows how all ended. */
export class TaskFeed {
  readonly ended: EndedTask[] = [];
  readonly open = new Map<string, PlannedTask>();
  /** What the test could not do. */
  readonly problems: string[] = [];
  readonly #queue: Queue;
  readonly #kinds: readonly (readonly [string, Kind])[];
  readonly #random: Random;
  readonly #canceled = new Set<string>();
  #created = 0;
  #groupId = '';

  constructor(queue: Queue, kinds: Readonly<Record<string, Kind>>, random: Random) {
    this.#queue = queue;
    this.#kinds = Object.entries(kinds).flatMap((entry) => Array<[string, Kind]>(entry[1].share).fill(entry));
    this.#random = random;
  }

  /** Keeps the queue filled until the signal aborts or so many tasks have been created; resolves after that. */
  async create(tasks: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted && this.#created < tasks) {
      while (this.open.size < OPEN_TASKS && this.#created < tasks) await this.#createOne();
      await sleep(POLL_MS);
      await this.#look();
    }
  }

  /** Waits for what is still open. Returns false when it takes longer than `limitMs`. */
  async allEnded(limitMs: number, signal: AbortSignal): Promise<boolean> {
    const until = Date.now() + limitMs;
    while (this.open.size > 0 && Date.now() < until && !signal.aborted) {
      await sleep(POLL_MS);
      await this.#look();
    }
    return this.open.size === 0;
  }

  /** To be told of each line of the worker's log. */
  onEvent({ type, taskId = '' }: WorkerEvent): void {
    const task = this.open.get(taskId);
    if (type !== 'task run' || task?.kind.cancel !== 'while it runs' || this.#canceled.has(taskId)) return;
    this.#canceled.add(taskId);
    this.#queue.cancelTask(taskId).catch((error: unknown) => {
      this.problems.push(`${taskId} could not be canceled: ${String(error)}`);
    });
  }

  async #createOne(): Promise<void> {
    if (this.#created % GROUP_SIZE === 0) this.#groupId = newSlugid();
    const [name, kind] = this.#random.pick(this.#kinds);
    const task = planTask(name, kind, { taskGroupId: this.#groupId, retries: RETRIES });
    this.#created += 1;
    this.open.set(task.taskId, task);
    await this.#queue.createTask(task.taskId, task.definition);
  }

  async #look(): Promise<void> {
    const groups = new Set([...this.open.values()].map(({ definition }) => String(definition['taskGroupId'])));
    for (const group of groups) {
      for (const { status } of (await this.#queue.listTaskGroup(group)).tasks) {
        const task = this.open.get(status.taskId);
        if (!task || !isOver(task, status)) continue;
        this.open.delete(status.taskId);
        this.ended.push({ task, status });
      }
    }
  }
}
