import { Schema } from '../http/schema.js';
import { RUN_ID, STATUS } from './status-schemas.js';
import { DATE_TIME, IDENTIFIER, TASK } from './task-schemas.js';

export interface ClaimWorkRequest {
  readonly tasks: number;
  readonly workerGroup: string;
  readonly workerId: string;
}

export const CLAIM_WORK_REQUEST = new Schema<ClaimWorkRequest>('Claim Work Request', {
  type: 'object',
  additionalProperties: false,
  properties: {
    tasks: { type: 'integer', minimum: 1, maximum: 32, default: 1 },
    workerGroup: IDENTIFIER,
    workerId: IDENTIFIER,
  },
  // The first one is the default.
  required: ['tasks', 'workerGroup', 'workerId'],
});

export const CLAIM_TASK_REQUEST = new Schema<Omit<ClaimWorkRequest, 'tasks'>>('Task Claim Request', {
  type: 'object',
  additionalProperties: false,
  properties: { workerGroup: IDENTIFIER, workerId: IDENTIFIER },
  required: ['workerGroup', 'workerId'],
});

const TEXT = { type: 'string', minLength: 1 } as const;

/** The schema of temporary credentials, for use in other schemas. */
export const CREDENTIALS = {
  type: 'object',
  additionalProperties: false,
  properties: { clientId: TEXT, accessToken: TEXT, certificate: TEXT },
  required: ['clientId', 'accessToken', 'certificate'],
} as const;

const RECLAIM_PROPERTIES = {
  status: STATUS,
  runId: RUN_ID,
  workerGroup: IDENTIFIER,
  workerId: IDENTIFIER,
  takenUntil: DATE_TIME,
  credentials: CREDENTIALS,
} as const;

export const RECLAIM_RESPONSE = new Schema<unknown>('Task Reclaim Response', {
  type: 'object',
  additionalProperties: false,
  properties: RECLAIM_PROPERTIES,
  required: Object.keys(RECLAIM_PROPERTIES),
});

const CLAIM_PROPERTIES = { ...RECLAIM_PROPERTIES, task: TASK } as const;

const CLAIM = {
  type: 'object',
  additionalProperties: false,
  properties: CLAIM_PROPERTIES,
  required: Object.keys(CLAIM_PROPERTIES),
} as const;

export const CLAIM_RESPONSE = new Schema<unknown>('Task Claim Response', CLAIM);

export const CLAIM_WORK_RESPONSE = new Schema<unknown>('Claim Work Response', {
  type: 'object',
  additionalProperties: false,
  properties: {
    tasks: { type: 'array', items: CLAIM },
  },
  required: ['tasks'],
});
