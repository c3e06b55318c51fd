import { Schema } from '../http/schema.js';
import {
  DATE_TIME,
  IDENTIFIER,
  PRIORITY,
  PROJECT_ID,
  PROVISIONER_ID,
  SLUGID,
  TASK_QUEUE_ID,
  WORKER_TYPE,
} from './task-schemas.js';
import type { Priority } from './task-schemas.js';

const RUN_STATES = ['pending', 'running', 'completed', 'failed', 'exception'] as const;
export type RunState = (typeof RUN_STATES)[number];

const REASONS_CREATED = ['scheduled', 'retry', 'task-retry', 'rerun', 'exception'] as const;
export type ReasonCreated = (typeof REASONS_CREATED)[number];

/** The reasons that a worker may report for an exception. */
export const EXCEPTION_REASONS = [
  'worker-shutdown',
  'malformed-payload',
  'resource-unavailable',
  'internal-error',
  'intermittent-task',
] as const;
export type ExceptionReason = (typeof EXCEPTION_REASONS)[number];

const REASONS_RESOLVED = [
  'completed',
  'failed',
  'deadline-exceeded',
  'canceled',
  'claim-expired',
  ...EXCEPTION_REASONS,
  'superseded',
] as const;
export type ReasonResolved = (typeof REASONS_RESOLVED)[number];

/** A run as `status` shows it; times are ISO strings that end with Z. */
export interface RunStatus {
  readonly runId: number;
  readonly state: RunState;
  readonly reasonCreated: ReasonCreated;
  readonly reasonResolved?: ReasonResolved;
  readonly workerGroup?: string;
  readonly workerId?: string;
  readonly takenUntil?: string;
  readonly scheduled: string;
  readonly started?: string;
  readonly resolved?: string;
}

export interface TaskStatus {
  readonly taskId: string;
  readonly provisionerId: string;
  readonly workerType: string;
  readonly taskQueueId: string;
  readonly schedulerId: string;
  readonly projectId: string;
  readonly taskGroupId: string;
  readonly priority: Priority;
  readonly deadline: string;
  readonly expires: string;
  readonly retriesLeft: number;
  readonly state: 'unscheduled' | RunState;
  readonly runs: readonly RunStatus[];
}

export const RUN_ID = { type: 'integer', minimum: 0, maximum: 1000 } as const;

/** The schema of a run, for use in other schemas. */
export const RUN = {
  type: 'object',
  additionalProperties: false,
  properties: {
    runId: RUN_ID,
    state: { type: 'string', enum: RUN_STATES },
    reasonCreated: { type: 'string', enum: REASONS_CREATED },
    reasonResolved: { type: 'string', enum: REASONS_RESOLVED },
    workerGroup: IDENTIFIER,
    workerId: IDENTIFIER,
    takenUntil: DATE_TIME,
    scheduled: DATE_TIME,
    started: DATE_TIME,
    resolved: DATE_TIME,
  },
  required: ['runId', 'state', 'reasonCreated', 'scheduled'],
} as const;

const STATUS_PROPERTIES = {
  taskId: SLUGID,
  provisionerId: PROVISIONER_ID,
  workerType: WORKER_TYPE,
  taskQueueId: TASK_QUEUE_ID,
  schedulerId: IDENTIFIER,
  projectId: PROJECT_ID,
  taskGroupId: SLUGID,
  priority: PRIORITY,
  deadline: DATE_TIME,
  expires: DATE_TIME,
  retriesLeft: { type: 'integer', minimum: 0, maximum: 999 },
  state: { type: 'string', enum: ['unscheduled', ...RUN_STATES] },
  runs: { type: 'array', items: RUN },
} as const;

/** The schema of a task's status, for use in other schemas. */
export const STATUS = {
  type: 'object',
  additionalProperties: false,
  properties: STATUS_PROPERTIES,
  required: Object.keys(STATUS_PROPERTIES).filter((name) => name !== 'priority'),
} as const;

export const STATUS_RESPONSE = new Schema<unknown>('Task Status Response', {
  type: 'object',
  additionalProperties: false,
  properties: { status: STATUS },
  required: ['status'],
});

export const EXCEPTION_REQUEST = new Schema<{ readonly reason: ExceptionReason }>('Task Exception Request', {
  type: 'object',
  additionalProperties: false,
  properties: { reason: { type: 'string', enum: EXCEPTION_REASONS } },
  required: ['reason'],
});
