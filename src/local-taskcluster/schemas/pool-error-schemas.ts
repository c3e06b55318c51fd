import { Schema } from '../http/schema.js';
import { listSchema, objectOf } from './define.js';
import { DATE_TIME, IDENTIFIER, SLUGID, TASK_QUEUE_ID } from './task-schemas.js';

export interface WorkerErrorReport {
  readonly workerGroup: string;
  readonly workerId: string;
  readonly kind: string;
  readonly title: string;
  readonly description: string;
  readonly extra: Readonly<Record<string, unknown>>;
}

const ERROR = {
  kind: { type: 'string', maxLength: 128, pattern: '[-a-z0-9]+' },
  title: { type: 'string', maxLength: 128 },
  description: { type: 'string', maxLength: 10_240 },
  extra: { type: 'object' },
} as const;

export const WORKER_ERROR_REPORT = new Schema<WorkerErrorReport>(
  'Worker Error Report',
  objectOf({ workerGroup: IDENTIFIER, workerId: IDENTIFIER, ...ERROR }),
);

const POOL_ERROR = objectOf(
  { workerPoolId: TASK_QUEUE_ID, errorId: SLUGID, reported: DATE_TIME, ...ERROR, launchConfigId: IDENTIFIER },
  ['launchConfigId'],
);

export const POOL_ERROR_RESPONSE = new Schema<unknown>('Worker Pool Error', POOL_ERROR);

export const POOL_ERROR_LIST = listSchema('Worker Pool Error List', 'workerPoolErrors', POOL_ERROR);

const NUMBERS = { type: 'object' } as const;

/** The numbers of errors, by several of their properties. */
export const POOL_ERROR_STATS = new Schema<unknown>(
  'Worker Pool Error Statistics',
  objectOf({
    // Empty for all pools together.
    workerPoolId: { type: 'string', oneOf: [TASK_QUEUE_ID, { type: 'string', const: '' }] },
    totals: objectOf({
      total: { type: 'number' },
      daily: NUMBERS,
      hourly: NUMBERS,
      title: NUMBERS,
      code: NUMBERS,
      workerPool: NUMBERS,
      launchConfig: NUMBERS,
    }),
  }),
);
