import { Schema } from '../http/schema.js';
import { listSchema, objectOf } from './define.js';
import { DATE_TIME, SLUGID } from './task-schemas.js';

/** The task to store at an index path. */
export interface InsertTaskRequest {
  readonly taskId: string;
  readonly rank: number;
  readonly data: Readonly<Record<string, unknown>>;
  readonly expires: string;
}

const ENTRY = { taskId: SLUGID, rank: { type: 'number' }, data: { type: 'object' }, expires: DATE_TIME } as const;
const PATH = { type: 'string', maxLength: 255 } as const;
const TASK = objectOf({ namespace: PATH, ...ENTRY });

export const INSERT_TASK_REQUEST = new Schema<InsertTaskRequest>('Insert Task Request', objectOf(ENTRY));

export const INDEXED_TASK_RESPONSE = new Schema<unknown>('Indexed Task Response', TASK);

export const LIST_TASKS_RESPONSE = listSchema('List Tasks Response', 'tasks', TASK);

export const TASKS_AT_INDEX_REQUEST = new Schema<{ readonly indexes: readonly string[] }>(
  'List Tasks At Index Request',
  objectOf({ indexes: { type: 'array', items: { type: 'string' }, default: [] } }, ['indexes']),
);

export const LIST_NAMESPACES_RESPONSE = listSchema(
  'List Namespaces Response',
  'namespaces',
  objectOf({ namespace: PATH, name: { type: 'string' }, expires: DATE_TIME }),
);
