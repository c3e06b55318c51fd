export type RunState = 'pending' | 'running' | 'completed' | 'failed' | 'exception';
export type TaskState = 'unscheduled' | RunState;

/** The states of a task, in the order in which lists show them. */
export const TASK_STATES = ['running', 'pending', 'unscheduled', 'failed', 'exception', 'completed'] as const;

/** One run of a task; times are ISO 8601. */
export interface Run {
  readonly runId: number;
  readonly state: RunState;
  readonly reasonCreated: string;
  readonly reasonResolved?: string;
  readonly workerGroup?: string;
  readonly workerId?: string;
  readonly scheduled: string;
  readonly started?: string;
  readonly takenUntil?: string;
  readonly resolved?: string;
}

export interface TaskStatus {
  readonly taskId: string;
  readonly taskGroupId: string;
  readonly taskQueueId: string;
  readonly state: TaskState;
  readonly retriesLeft: number;
  readonly runs: readonly Run[];
}

/** A task's definition, as far as the page reads it. */
export interface Definition {
  readonly taskGroupId: string;
  readonly taskQueueId: string;
  readonly dependencies: readonly string[];
  readonly created: string;
  readonly deadline: string;
  readonly expires: string;
  readonly metadata: {
    readonly name: string;
    readonly description: string;
    readonly owner: string;
    readonly source: string;
  };
  readonly payload: Readonly<Record<string, unknown>>;
  readonly [key: string]: unknown;
}

/** A task of a group. */
export interface GroupTask {
  readonly status: TaskStatus;
  readonly task: Definition;
}

export interface Group {
  readonly taskGroupId: string;
  readonly created: string;
  readonly counts: Readonly<Record<TaskState, number>>;
  readonly name: string;
}

export interface Artifact {
  readonly name: string;
  readonly storageType: string;
  readonly contentType: string;
  readonly expires: string;
  /** In bytes. */
  readonly contentLength?: number;
}
