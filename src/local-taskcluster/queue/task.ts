import type {
  ExceptionReason,
  ReasonCreated,
  ReasonResolved,
  RunState,
  RunStatus,
  TaskStatus,
} from '../schemas/status-schemas.js';
import type { Priority, TaskDefinition } from '../schemas/task-schemas.js';

export interface Worker {
  readonly workerGroup: string;
  readonly workerId: string;
}

// The most runs that a task may have, including reruns.
const MOST_RUNS = 50;

/** Everything about a task, as JSON. */
export interface SavedTask {
  readonly taskId: string;
  readonly definition: TaskDefinition;
  readonly wasResolved: boolean;
  readonly retriesLeft: number;
  readonly runs: readonly RunStatus[];
}

/** How a run ends: with an outcome of the task, or with an exception and its reason. */
export type Resolution =
  | { readonly state: 'completed' | 'failed' }
  | {
      readonly state: 'exception';
      readonly reason: ExceptionReason | 'canceled' | 'claim-expired' | 'deadline-exceeded';
    };

// The loss of a worker is not the task's fault: these reasons end one run and begin another while retries are left.
const RETRIED: Readonly<Partial<Record<ReasonResolved, ReasonCreated>>> = {
  'worker-shutdown': 'retry',
  'claim-expired': 'retry',
  'intermittent-task': 'task-retry',
};

/**
 * A task and its runs: unscheduled (no run) → pending → running → completed | failed | exception, the last of which may
 * be followed by another pending run. Only the last run is ever pending or running.
 */
export class Task {
  readonly taskId: string;
  readonly deadline: Date;
  readonly expires: Date;
  #definition: TaskDefinition;
  #wasResolved = false;
  #retriesLeft: number;
  readonly #runs: RunStatus[] = [];

  constructor(taskId: string, definition: TaskDefinition) {
    this.taskId = taskId;
    this.#definition = definition;
    this.deadline = new Date(definition.deadline);
    this.expires = new Date(definition.expires);
    this.#retriesLeft = definition.retries;
  }

  static restore({ taskId, definition, wasResolved, retriesLeft, runs }: SavedTask): Task {
    const task = new Task(taskId, definition);
    task.#wasResolved = wasResolved;
    task.#retriesLeft = retriesLeft;
    task.#runs.push(...runs);
    return task;
  }

  save(): SavedTask {
    const { taskId, definition } = this;
    return {
      ...{ taskId, definition, wasResolved: this.#wasResolved },
      ...{ retriesLeft: this.#retriesLeft, runs: [...this.#runs] },
    };
  }

  /** The definition; only its priority can change. */
  get definition(): TaskDefinition {
    return this.#definition;
  }

  /** True when one of the runs was resolved and not retried, even if the task was rerun later. */
  get wasResolved(): boolean {
    return this.#wasResolved;
  }

  get state(): 'unscheduled' | RunState {
    return this.#runs.at(-1)?.state ?? 'unscheduled';
  }

  get lastRun(): RunStatus | undefined {
    return this.#runs.at(-1);
  }

  run(runId: number): RunStatus | undefined {
    return this.#runs[runId];
  }

  /** Adds a pending run and returns it. */
  schedule(reasonCreated: ReasonCreated, now: Date): RunStatus {
    const run = { runId: this.#runs.length, state: 'pending', reasonCreated, scheduled: now.toJSON() } as const;
    this.#runs.push(run);
    return run;
  }

  /**
   * Adds a pending run to a task that has none and restores all retries; returns undefined when it has too many runs
   * already.
   */
  rerun(now: Date): RunStatus | undefined {
    if (this.#runs.length >= MOST_RUNS) return undefined;
    this.#retriesLeft = Math.min(this.definition.retries, MOST_RUNS - this.#runs.length - 1);
    return this.schedule('rerun', now);
  }

  /** Changes the task's priority, also for pending runs. */
  changePriority(priority: Priority): void {
    this.#definition = { ...this.#definition, priority };
  }

  /** Starts the run, claimed by the worker. */
  claim(runId: number, worker: Worker, takenUntil: Date, now: Date): void {
    this.#change(runId, { ...worker, state: 'running', takenUntil: takenUntil.toJSON(), started: now.toJSON() });
  }

  extendClaim(runId: number, takenUntil: Date): void {
    this.#change(runId, { takenUntil: takenUntil.toJSON() });
  }

  /** Ends the last run (adds one first if the task has none); returns the run that follows it, if any. */
  resolve(resolution: Resolution, now: Date): RunStatus | undefined {
    const run = this.lastRun ?? this.schedule('exception', now);
    const reasonResolved = reasonOf(resolution);
    this.#change(run.runId, { state: resolution.state, reasonResolved, resolved: now.toJSON() });
    const next = RETRIED[reasonResolved];
    if (next === undefined || this.#retriesLeft === 0) {
      this.#wasResolved = true;
      return undefined;
    }
    this.#retriesLeft--;
    return this.schedule(next, now);
  }

  status(): TaskStatus {
    const { definition } = this;
    return {
      taskId: this.taskId,
      provisionerId: definition.provisionerId,
      workerType: definition.workerType,
      taskQueueId: definition.taskQueueId,
      schedulerId: definition.schedulerId,
      projectId: definition.projectId,
      taskGroupId: definition.taskGroupId,
      priority: definition.priority,
      deadline: definition.deadline,
      expires: definition.expires,
      retriesLeft: this.#retriesLeft,
      state: this.state,
      runs: [...this.#runs],
    };
  }

  #change(runId: number, changes: Partial<RunStatus>): void {
    const run = this.#runs[runId];
    if (!run) throw new Error(`task ${this.taskId} has no run ${runId}`);
    this.#runs[runId] = { ...run, ...changes };
  }
}

/** Returns the reason shown for a run that is resolved like this. */
export function reasonOf(resolution: Resolution): ReasonResolved {
  return resolution.state === 'exception' ? resolution.reason : resolution.state;
}
