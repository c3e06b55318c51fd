import type { ClaimGate } from './claim-gate.js';
import type { Change, Entry, TaskBoard } from './task-board.js';
import type { TaskView } from '../../local-taskcluster/server.js';

/** The tasks of the local queue, and their changes. */
export interface TaskSource {
  /** Calls the listener after each change of a task; returns how to stop that. */
  onTaskChange(listener: (task: TaskView) => void): () => void;
  tasks(): readonly TaskView[];
  /** Makes the queue ask again which pending tasks may be claimed. */
  reviewPending(): void;
}

/** Why tasks that could still run don't. */
export type Interruption = 'canceled' | 'fail-fast';

export interface GraphWatchOptions {
  readonly source: TaskSource;
  readonly board: TaskBoard;
  readonly gate: ClaimGate;
  /** `fail-fast`: the first failure ends everything. */
  readonly mode: 'keep-going' | 'fail-fast';
  /** Called for each task that is there from the beginning. */
  readonly onKnown: (entry: Entry) => void;
  /** Called for each change of a task's standing after that, in their order. */
  readonly onChange: (change: Change) => void;
  /** Called for a task queue with a task that a docker-worker may claim now. */
  readonly needWorker: (taskQueueId: string) => void;
  /** Cancels a task; never fails. */
  readonly cancelTask: (taskId: string) => void;
}

const FAILURES = new Set(['failed', 'exception']);

/** Follows all tasks, also those that tasks create, until none is left that can run. */
export class GraphWatch {
  readonly #options: GraphWatchOptions;
  readonly #stopListening: () => void;
  #interruption: Interruption | undefined;
  #isLooking = false;
  #resolveOver: () => void = () => undefined;
  /** Resolves when nothing runs, and nothing can start any more. */
  readonly over: Promise<void>;

  constructor(options: GraphWatchOptions) {
    this.#options = options;
    this.over = new Promise((resolve) => {
      this.#resolveOver = resolve;
    });
    this.#stopListening = options.source.onTaskChange((task) => {
      this.#changed(task);
    });
    for (const task of options.source.tasks()) options.board.update(task);
    for (const entry of options.board.entries()) options.onKnown(entry);
  }

  /** Why not all tasks ran that could have; undefined: nothing kept them from it. */
  get interruption(): Interruption | undefined {
    return this.#interruption;
  }

  /** Lets tasks start. */
  open(): void {
    const { gate, board, source } = this.#options;
    if (this.#interruption === undefined) gate.open();
    for (const taskId of board.pending) this.#findWorker(taskId);
    source.reviewPending();
    this.#look();
  }

  /** Ends what runs, and lets nothing more start. What has not started stays as it is: it can be run later. */
  interrupt(interruption: Interruption): void {
    const { gate, board, cancelTask } = this.#options;
    if (this.#interruption !== undefined) return;
    this.#interruption = interruption;
    gate.end();
    for (const taskId of board.running) cancelTask(taskId);
    this.#look();
  }

  close(): void {
    this.#stopListening();
  }

  #changed(task: TaskView): void {
    const { board, gate, source, onChange, mode } = this.#options;
    const wereRunning = board.running.size;
    const changes = board.update(task);
    for (const change of changes) {
      const { entry } = change;
      onChange(change);
      if (entry.standing.state === 'pending' && gate.isOpen) this.#findWorker(entry.view.taskId);
      if (entry.standing.state === 'running' && this.#interruption) this.#options.cancelTask(entry.view.taskId);
      if (mode === 'fail-fast' && FAILURES.has(entry.standing.state)) this.interrupt('fail-fast');
    }
    if (board.running.size < wereRunning) source.reviewPending();
    this.#look();
  }

  #findWorker(taskId: string): void {
    const entry = this.#options.board.find(taskId);
    if (entry?.worker.kind === 'docker-worker') this.#options.needWorker(entry.view.definition.taskQueueId);
  }

  /** Looks whether it is over, once the queue has done all that follows from the last change. */
  #look(): void {
    if (this.#isLooking) return;
    this.#isLooking = true;
    setImmediate(() => {
      this.#isLooking = false;
      if (this.#isOver()) this.#resolveOver();
    });
  }

  /** A task that waits for others is not open: if it can run, one of those is. */
  #isOver(): boolean {
    const { board, gate } = this.#options;
    const canStart = gate.isOpen && board.pending.size > 0;
    const mayOpen = !gate.isOpen && this.#interruption === undefined;
    return board.running.size === 0 && !canStart && !mayOpen;
  }
}
