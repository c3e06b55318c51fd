import { Schema } from '../http/schema.js';
import { RUN_ID, STATUS } from './status-schemas.js';
import {
  DATE_TIME,
  IDENTIFIER,
  PRIORITIES,
  PRIORITY,
  PROVISIONER_ID,
  SLUGID,
  TASK,
  TASK_QUEUE_ID,
  WORKER_TYPE,
} from './task-schemas.js';
import type { Priority } from './task-schemas.js';

const TEXT = { type: 'string' } as const;
const COUNT = { type: 'integer', minimum: 0 } as const;
const TOKEN = { continuationToken: { type: 'string' } } as const;

const closed = (properties: object, optional: object = {}): object => ({
  type: 'object',
  additionalProperties: false,
  properties: { ...properties, ...optional },
  required: Object.keys(properties),
});

const listOf = (items: object): object => ({ type: 'array', items });

export const TASK_IDS_REQUEST = new Schema<{ readonly taskIds: readonly string[] }>('Task Ids Request', {
  type: 'object',
  additionalProperties: false,
  properties: { taskIds: { type: 'array', items: { type: 'string' }, default: [] } },
});

export const TASKS_RESPONSE = new Schema<unknown>(
  'Task Definitions Response',
  closed({ tasks: listOf(closed({ taskId: TEXT, task: TASK })) }, TOKEN),
);

export const STATUSES_RESPONSE = new Schema<unknown>(
  'Task Statuses Response',
  closed({ statuses: listOf(closed({ taskId: TEXT, status: STATUS })) }, TOKEN),
);

const DEFINITIONS_AND_STATUSES = listOf(closed({ status: STATUS, task: TASK }));

export const DEPENDENT_TASKS_RESPONSE = new Schema<unknown>(
  'List Dependent Tasks Response',
  closed({ taskId: SLUGID, tasks: DEFINITIONS_AND_STATUSES }, TOKEN),
);

const GROUP = { taskGroupId: SLUGID, schedulerId: IDENTIFIER, expires: DATE_TIME } as const;
const SEALED = { sealed: DATE_TIME } as const;

export const TASK_GROUP_RESPONSE = new Schema<unknown>('Task Group Response', closed(GROUP, SEALED));

export const LIST_TASK_GROUP_RESPONSE = new Schema<unknown>(
  'List Task Group Response',
  closed({ ...GROUP, tasks: DEFINITIONS_AND_STATUSES }, { ...SEALED, ...TOKEN }),
);

export const CANCEL_TASK_GROUP_RESPONSE = new Schema<unknown>(
  'Cancel Task Group Response',
  closed({ taskGroupId: SLUGID, taskGroupSize: COUNT, cancelledCount: COUNT, taskIds: listOf(SLUGID) }),
);

/** Changes the priority of one task, or of all tasks in a group. */
export const CHANGE_PRIORITY_REQUEST = new Schema<{ readonly newPriority: Priority | 'normal' }>(
  'Change Task Priority Request',
  closed({ newPriority: { type: 'string', enum: [...PRIORITIES, 'normal'] } }),
);

export const GROUP_PRIORITY_RESPONSE = new Schema<unknown>(
  'Change Task Group Priority Response',
  closed({
    taskGroupId: SLUGID,
    schedulerId: IDENTIFIER,
    newPriority: PRIORITY,
    tasksAffected: COUNT,
    taskIds: listOf(SLUGID),
  }),
);

const TASK_QUEUE = { provisionerId: PROVISIONER_ID, workerType: WORKER_TYPE, taskQueueId: TASK_QUEUE_ID } as const;

export const PENDING_TASKS_RESPONSE = new Schema<unknown>(
  'Count Pending Tasks Response',
  closed({ ...TASK_QUEUE, pendingTasks: COUNT }),
);

export const TASK_QUEUE_COUNTS_RESPONSE = new Schema<unknown>(
  'Task Queue Counts Response',
  closed({ ...TASK_QUEUE, pendingTasks: COUNT, claimedTasks: COUNT }),
);

const RUN = { taskId: SLUGID, runId: RUN_ID, task: TASK } as const;

export const LIST_PENDING_TASKS_RESPONSE = new Schema<unknown>(
  'List Pending Tasks Response',
  closed({ tasks: listOf(closed({ ...RUN, inserted: DATE_TIME })) }, TOKEN),
);

export const LIST_CLAIMED_TASKS_RESPONSE = new Schema<unknown>(
  'List Claimed Tasks Response',
  closed({ tasks: listOf(closed({ ...RUN, workerGroup: TEXT, workerId: TEXT, claimed: DATE_TIME })) }, TOKEN),
);
