import { Schema } from '../http/schema.js';
import { SCOPES } from './scope-schemas.js';

export const SLUGID = {
  type: 'string',
  pattern: '^[A-Za-z0-9_-]{8}[Q-T][A-Za-z0-9_-][CGKOSWaeimquy26-][A-Za-z0-9_-]{10}[AQgw]$',
} as const;
export const IDENTIFIER = { type: 'string', minLength: 1, maxLength: 38, pattern: '^[a-zA-Z0-9_-]*$' } as const;
export const DATE_TIME = { type: 'string', format: 'date-time' } as const;
export const PROVISIONER_ID = { type: 'string', pattern: '^[a-zA-Z0-9_-]{1,38}$' } as const;
export const WORKER_TYPE = { type: 'string', pattern: '^[a-z]([-a-z0-9]{0,36}[a-z0-9])?$' } as const;
/** The name of a task queue, which is also that of its worker pool. */
export const TASK_QUEUE_ID = {
  type: 'string',
  pattern: '^[a-zA-Z0-9_-]{1,38}/[a-z]([-a-z0-9]{0,36}[a-z0-9])?$',
} as const;
export const PROJECT_ID = { type: 'string', minLength: 1, maxLength: 500, pattern: '^[a-zA-Z0-9._/-]*$' } as const;

/** The priorities, highest first: the order in which pending tasks are claimed. */
export const PRIORITIES = ['highest', 'very-high', 'high', 'medium', 'low', 'very-low', 'lowest'] as const;
export type Priority = (typeof PRIORITIES)[number];

interface TaskFields {
  readonly schedulerId: string;
  readonly projectId: string;
  readonly dependencies: readonly string[];
  readonly requires: 'all-completed' | 'all-resolved';
  readonly routes: readonly string[];
  readonly retries: number;
  readonly created: string;
  readonly deadline: string;
  readonly scopes: readonly string[];
  readonly payload: Readonly<Record<string, unknown>>;
  readonly metadata: Readonly<Record<'name' | 'description' | 'owner' | 'source', string>>;
  readonly tags: Readonly<Record<string, string>>;
  readonly extra: Readonly<Record<string, unknown>>;
}

/** The input of createTask, with those defaults filled in that do not depend on other properties. */
export interface CreateTaskRequest extends TaskFields {
  readonly provisionerId?: string;
  readonly workerType?: string;
  readonly taskQueueId?: string;
  readonly taskGroupId?: string;
  readonly priority: Priority | 'normal';
  readonly expires?: string;
}

/** A task as every reader of the queue sees it. */
export interface TaskDefinition extends TaskFields {
  readonly provisionerId: string;
  readonly workerType: string;
  readonly taskQueueId: string;
  readonly taskGroupId: string;
  readonly priority: Priority;
  readonly expires: string;
}

const FIELDS = {
  provisionerId: PROVISIONER_ID,
  workerType: WORKER_TYPE,
  taskQueueId: TASK_QUEUE_ID,
  schedulerId: { ...IDENTIFIER, default: '-' },
  projectId: { ...PROJECT_ID, default: 'none' },
  taskGroupId: SLUGID,
  dependencies: { type: 'array', items: SLUGID, maxItems: 10_000, uniqueItems: true, default: [] },
  requires: { type: 'string', enum: ['all-completed', 'all-resolved'], default: 'all-completed' },
  routes: {
    type: 'array',
    items: { type: 'string', minLength: 1, maxLength: 249 },
    maxItems: 64,
    uniqueItems: true,
    default: [],
  },
  retries: { type: 'integer', minimum: 0, maximum: 49, default: 5 },
  created: DATE_TIME,
  deadline: DATE_TIME,
  expires: DATE_TIME,
  scopes: { ...SCOPES, default: [] },
  payload: { type: 'object' },
  metadata: {
    type: 'object',
    additionalProperties: false,
    properties: {
      name: { type: 'string', maxLength: 255 },
      description: { type: 'string', maxLength: 32_768 },
      owner: { type: 'string', maxLength: 255 },
      source: {
        type: 'string',
        // Git accepts addresses that are not URIs.
        anyOf: [
          { type: 'string', format: 'uri' },
          { type: 'string', format: 'regex' },
        ],
        pattern: '^(https?://|ssh://|git@)',
        maxLength: 4096,
      },
    },
    required: ['name', 'description', 'owner', 'source'],
  },
  tags: { type: 'object', additionalProperties: { type: 'string', maxLength: 4096 }, default: {} },
  extra: { type: 'object', default: {} },
} as const;

export const CREATE_TASK_REQUEST = new Schema<CreateTaskRequest>('Task Definition Request', {
  type: 'object',
  additionalProperties: false,
  properties: { ...FIELDS, priority: { type: 'string', enum: [...PRIORITIES, 'normal'], default: 'lowest' } },
  required: ['created', 'deadline', 'payload', 'metadata'],
});

export const PRIORITY = { type: 'string', enum: PRIORITIES } as const;
const TASK_PROPERTIES = { ...FIELDS, priority: PRIORITY } as const;
// Not required, because tasks from before this property existed lack it; tasks created here have it.
const OPTIONAL_PROPERTIES = ['projectId', 'expires'];

/** The schema of a whole definition, for use in other schemas. */
export const TASK = {
  type: 'object',
  additionalProperties: false,
  properties: TASK_PROPERTIES,
  required: Object.keys(TASK_PROPERTIES).filter((name) => !OPTIONAL_PROPERTIES.includes(name)),
} as const;

export const TASK_RESPONSE = new Schema<unknown>('Task Definition Response', TASK);
