import { Schema } from '../http/schema.js';
import { listSchema, objectOf } from './define.js';
import { DATE_TIME, IDENTIFIER, SLUGID, TASK_QUEUE_ID } from './task-schemas.js';

type Json = Readonly<Record<string, unknown>>;

/** The part of a pool's configuration that means something here. */
export interface PoolConfig {
  readonly lifecycle?: { readonly registrationTimeout?: number; readonly reregistrationTimeout?: number };
  /** What workers of a static pool are configured with. */
  readonly workerConfig?: Json;
  /** What instances in a cloud are started with; the one of a worker's region is its configuration. */
  readonly launchConfigs?: readonly { readonly region?: string; readonly workerConfig?: Json }[];
}

export interface PoolDefinition {
  readonly providerId: string;
  readonly description: string;
  readonly config: PoolConfig;
  readonly owner: string;
  readonly emailOnError: boolean;
}

const SECONDS = { type: 'integer', minimum: 0 } as const;
const CONFIG = {
  // What else there may be is between the pool's owner and the cloud.
  type: 'object',
  properties: {
    lifecycle: {
      type: 'object',
      additionalProperties: false,
      properties: { registrationTimeout: SECONDS, reregistrationTimeout: SECONDS, queueInactivityTimeout: SECONDS },
    },
    workerConfig: { type: 'object' },
    launchConfigs: {
      type: 'array',
      items: { type: 'object', properties: { region: { type: 'string' }, workerConfig: { type: 'object' } } },
    },
  },
} as const;

const DEFINITION = {
  providerId: IDENTIFIER,
  description: { type: 'string', maxLength: 10_240 },
  config: CONFIG,
  owner: { type: 'string', format: 'email' },
  emailOnError: { type: 'boolean' },
} as const;

export const CREATE_POOL_REQUEST = new Schema<PoolDefinition>('Create Worker Pool Request', objectOf(DEFINITION));

/** What does not change may be sent along. */
export const UPDATE_POOL_REQUEST = new Schema<PoolDefinition & { readonly workerPoolId?: string }>(
  'Update Worker Pool Request',
  objectOf({ ...DEFINITION, workerPoolId: TASK_QUEUE_ID, created: DATE_TIME, lastModified: DATE_TIME }, [
    'workerPoolId',
    'created',
    'lastModified',
  ]),
);

const COUNT = { type: 'integer', minimum: 0 } as const;
const FULL = objectOf({
  ...DEFINITION,
  workerPoolId: TASK_QUEUE_ID,
  created: DATE_TIME,
  lastModified: DATE_TIME,
  currentCapacity: COUNT,
  requestedCount: COUNT,
  runningCount: COUNT,
  stoppingCount: COUNT,
  stoppedCount: COUNT,
  requestedCapacity: COUNT,
  runningCapacity: COUNT,
  stoppingCapacity: COUNT,
  stoppedCapacity: COUNT,
});

export const POOL_RESPONSE = new Schema<unknown>('Worker Pool Full Definition', FULL);

export const POOL_LIST = listSchema('Worker Pool List', 'workerPools', FULL);

export const PROVIDER_LIST = listSchema(
  'Provider List',
  'providers',
  objectOf({ providerId: IDENTIFIER, providerType: { type: 'string' } }),
);

export interface WorkerErrorReport {
  readonly workerGroup: string;
  readonly workerId: string;
  readonly kind: string;
  readonly title: string;
  readonly description: string;
  readonly extra: Json;
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

const POOL_ERROR = objectOf({ workerPoolId: TASK_QUEUE_ID, errorId: SLUGID, reported: DATE_TIME, ...ERROR });

export const POOL_ERROR_RESPONSE = new Schema<unknown>('Worker Pool Error', POOL_ERROR);

export const POOL_ERROR_LIST = listSchema('Worker Pool Error List', 'workerPoolErrors', POOL_ERROR);
