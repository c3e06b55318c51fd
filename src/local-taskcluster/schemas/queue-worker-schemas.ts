import { Schema } from '../http/schema.js';
import { listSchema, objectOf } from './define.js';
import { RUN_ID } from './status-schemas.js';
import { DATE_TIME, IDENTIFIER, PROVISIONER_ID, SLUGID, TASK_QUEUE_ID, WORKER_TYPE } from './task-schemas.js';

const TEXT = { type: 'string' } as const;
const STABILITY = { type: 'string', enum: ['experimental', 'stable', 'deprecated'] } as const;
const TASK_RUN = objectOf({ taskId: SLUGID, runId: RUN_ID });

/** Actions that web pages once offered; always empty here, but older clients expect the list. */
const actionsOn = (...contexts: readonly string[]): object => ({
  type: 'array',
  items: objectOf({
    name: TEXT,
    title: {},
    context: { type: 'string', enum: contexts },
    url: TEXT,
    method: { type: 'string', enum: ['POST', 'PUT', 'DELETE', 'PATCH'] },
    description: TEXT,
  }),
});

const SEEN = { stability: STABILITY, description: TEXT, expires: DATE_TIME, lastDateActive: DATE_TIME } as const;
const TASK_QUEUE = objectOf({ taskQueueId: TASK_QUEUE_ID, ...SEEN });

export const TASK_QUEUE_RESPONSE = new Schema<unknown>('Task Queue Response', TASK_QUEUE);

export const TASK_QUEUE_LIST = listSchema('List Task Queues Response', 'taskQueues', TASK_QUEUE);

const PROVISIONER = objectOf({
  provisionerId: PROVISIONER_ID,
  ...SEEN,
  actions: actionsOn('provisioner', 'worker-type', 'worker'),
});

export const PROVISIONER_RESPONSE = new Schema<unknown>('Provisioner Response', PROVISIONER);

export const PROVISIONER_LIST = listSchema('List Provisioners Response', 'provisioners', PROVISIONER);

const WORKER_TYPE_FIELDS = {
  workerType: WORKER_TYPE,
  provisionerId: PROVISIONER_ID,
  taskQueueId: TASK_QUEUE_ID,
  ...SEEN,
} as const;

export const WORKER_TYPE_RESPONSE = new Schema<unknown>(
  'Worker Type Response',
  objectOf({ ...WORKER_TYPE_FIELDS, actions: actionsOn('worker-type') }),
);

export const WORKER_TYPE_LIST = listSchema('List Worker Types Response', 'workerTypes', objectOf(WORKER_TYPE_FIELDS));

const NAMES = { workerGroup: IDENTIFIER, workerId: IDENTIFIER } as const;
const ACTIVITY = { firstClaim: DATE_TIME, lastDateActive: DATE_TIME, quarantineUntil: DATE_TIME } as const;

export const QUEUE_WORKER_LIST = listSchema(
  'List Workers Response',
  'workers',
  objectOf({ ...NAMES, ...ACTIVITY, latestTask: TASK_RUN }, ['lastDateActive', 'quarantineUntil', 'latestTask']),
);

const MANAGED = {
  providerId: IDENTIFIER,
  launchConfigId: IDENTIFIER,
  capacity: { type: 'integer', minimum: 0 },
  state: { type: 'string', enum: ['requested', 'running', 'stopping', 'stopped', 'standalone'] },
  workerPoolId: TASK_QUEUE_ID,
} as const;

/** The same workers as the worker manager shows them, with its own data. */
export const MANAGED_WORKER_LIST = listSchema(
  'List Workers Response',
  'workers',
  objectOf({ ...NAMES, ...ACTIVITY, latestTask: TASK_RUN, ...MANAGED }, [
    ...Object.keys(ACTIVITY),
    'latestTask',
    ...Object.keys(MANAGED),
  ]),
);

const QUARANTINE_ENTRY = objectOf({
  clientId: TEXT,
  updatedAt: DATE_TIME,
  quarantineUntil: DATE_TIME,
  quarantineInfo: TEXT,
});

const WORKER = {
  provisionerId: PROVISIONER_ID,
  workerType: WORKER_TYPE,
  ...NAMES,
  recentTasks: { type: 'array', items: TASK_RUN },
  expires: DATE_TIME,
  ...ACTIVITY,
  quarantineDetails: { type: 'array', items: QUARANTINE_ENTRY },
  actions: actionsOn('worker'),
} as const;

const MAY_BE_MISSING = ['lastDateActive', 'quarantineUntil', 'quarantineDetails'];

export const QUEUE_WORKER_RESPONSE = new Schema<unknown>(
  'Worker Response',
  objectOf({ ...WORKER, taskQueueId: TASK_QUEUE_ID }, [...MAY_BE_MISSING, 'taskQueueId']),
);

export const MANAGED_WORKER_RESPONSE = new Schema<unknown>(
  'Worker Response',
  objectOf({ ...WORKER, ...MANAGED }, [...MAY_BE_MISSING, ...Object.keys(MANAGED)]),
);

export interface QuarantineRequest {
  readonly quarantineUntil: string;
  readonly quarantineInfo?: string;
}

export const QUARANTINE_REQUEST = new Schema<QuarantineRequest>(
  'Quarantine Worker Request',
  objectOf({ quarantineUntil: DATE_TIME, quarantineInfo: { type: 'string', minLength: 0, maxLength: 4000 } }, [
    'quarantineInfo',
  ]),
);

export const DECLARE_WORKER_REQUEST = new Schema<{ readonly expires?: string }>(
  'Update Worker Request',
  objectOf({ expires: DATE_TIME }, ['expires']),
);
