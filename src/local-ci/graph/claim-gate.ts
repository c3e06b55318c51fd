import type { TaskBoard } from './task-board.js';
import type { TaskView } from '../../local-taskcluster/server.js';

export interface ClaimGateOptions {
  /** The most tasks that run at once, over all task queues. */
  readonly concurrency: number;
  readonly board: Pick<TaskBoard, 'running' | 'hasGroup' | 'find'>;
  /** Whether the task has to wait for others, besides its dependencies. */
  readonly mustWait?: (task: TaskView) => boolean;
}

/** Decides which pending tasks may start: none until it is opened, and then as many as run at once. */
export class ClaimGate {
  readonly #options: ClaimGateOptions;
  #state: 'closed' | 'open' | 'ended' = 'closed';

  constructor(options: ClaimGateOptions) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  /** Lets tasks start, unless it was ended. */
  open(): void {
    if (this.#state === 'closed') this.#state = 'open';
  }

  /** Lets no more tasks start. */
  end(): void {
    this.#state = 'ended';
  }

  /** Returns whether a pending task may start now. A task that starts is running by the next question. */
  mayClaim(task: TaskView): boolean {
    const { board, concurrency, mustWait } = this.#options;
    const kind = board.find(task.taskId)?.worker.kind;
    if (!this.isOpen || kind === undefined || kind === 'other' || mustWait?.(task) === true) return false;
    // The queue resolves these itself, at once.
    if (kind === 'built-in') return true;
    if (board.running.size < concurrency) return true;
    // A task that waits for those that it has created itself would wait for ever if it took their place.
    const isOfRunning = board.running.has(task.definition.taskGroupId);
    return isOfRunning && board.running.size === concurrency && [...board.running].every((id) => board.hasGroup(id));
  }
}
