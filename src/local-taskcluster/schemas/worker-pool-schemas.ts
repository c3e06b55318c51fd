import { Schema } from '../http/schema.js';
import { listSchema, objectOf } from './define.js';
import { DATE_TIME, IDENTIFIER, TASK_QUEUE_ID } from './task-schemas.js';

type Json = Readonly<Record<string, unknown>>;

/** The settings that cloud instances are started with; a worker is configured by the one for its region. */
export interface LaunchConfig {
  readonly region?: string;
  readonly workerConfig?: Json;
  readonly workerManager?: { readonly launchConfigId?: string };
}

/** The part of a pool's configuration that is used here. */
export interface PoolConfig {
  readonly lifecycle?: { readonly registrationTimeout?: number; readonly reregistrationTimeout?: number };
  /** The configuration of workers in a static pool. */
  readonly workerConfig?: Json;
  readonly launchConfigs?: readonly LaunchConfig[];
}

export interface PoolDefinition {
  readonly providerId: string;
  readonly description: string;
  readonly config: PoolConfig;
  readonly owner: string;
  readonly emailOnError: boolean;
}

const SECONDS = { type: 'integer' } as const;
const LAUNCH_CONFIG_ID = { type: 'string', minLength: 1, maxLength: 38, pattern: '^[a-zA-Z0-9_-]*$' } as const;

/** The rules for a pool's configuration; the pool's owner and the cloud decide on all other properties. */
export const POOL_CONFIG = new Schema<PoolConfig>('Worker Pool Configuration', {
  type: 'object',
  properties: {
    lifecycle: {
      type: 'object',
      additionalProperties: false,
      properties: {
        registrationTimeout: SECONDS,
        reregistrationTimeout: { ...SECONDS, maximum: 2_592_000 },
        queueInactivityTimeout: { ...SECONDS, minimum: 1200 },
      },
    },
    workerConfig: { type: 'object' },
    launchConfigs: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          region: { type: 'string' },
          workerConfig: { type: 'object' },
          workerManager: { type: 'object', properties: { launchConfigId: LAUNCH_CONFIG_ID } },
        },
      },
    },
  },
});

const DEFINITION = {
  providerId: IDENTIFIER,
  description: { type: 'string', maxLength: 10_240 },
  config: { type: 'object' },
  owner: { type: 'string', format: 'email' },
  emailOnError: { type: 'boolean' },
} as const;

export const CREATE_POOL_REQUEST = new Schema<PoolDefinition>('Create Worker Pool Request', objectOf(DEFINITION));

/** The input of updateWorkerPool; unchanged properties may be sent along. */
export const UPDATE_POOL_REQUEST = new Schema<PoolDefinition & { readonly workerPoolId?: string }>(
  'Update Worker Pool Request',
  objectOf({ ...DEFINITION, workerPoolId: TASK_QUEUE_ID, created: DATE_TIME, lastModified: DATE_TIME }, [
    'workerPoolId',
    'created',
    'lastModified',
  ]),
);

const COUNT = { type: 'integer', minimum: 0 } as const;
const COUNTS = {
  currentCapacity: COUNT,
  requestedCount: COUNT,
  runningCount: COUNT,
  stoppingCount: COUNT,
  stoppedCount: COUNT,
  requestedCapacity: COUNT,
  runningCapacity: COUNT,
  stoppingCapacity: COUNT,
  stoppedCapacity: COUNT,
} as const;

const FULL = objectOf(
  { ...DEFINITION, workerPoolId: TASK_QUEUE_ID, created: DATE_TIME, lastModified: DATE_TIME, ...COUNTS },
  ['workerPoolId'],
);

export const POOL_RESPONSE = new Schema<unknown>('Worker Pool Full Definition', FULL);

export const POOL_LIST = listSchema('Worker Pool List', 'workerPools', FULL);

export const POOL_STATS = new Schema<unknown>(
  'Worker Pool Statistics',
  objectOf({
    launchConfigStats: {
      type: 'array',
      items: objectOf({ workerPoolId: TASK_QUEUE_ID, launchConfigId: { type: 'string' }, ...COUNTS }),
    },
  }),
);

export const POOL_STATS_LIST = listSchema(
  'Worker Pool List Statistics',
  'workerPoolsStats',
  objectOf({ workerPoolId: TASK_QUEUE_ID, ...COUNTS }),
);

const TEXT = { type: 'string' } as const;

export const LAUNCH_CONFIG_LIST = listSchema(
  'Worker Pool Launch Configs',
  'workerPoolLaunchConfigs',
  objectOf({
    launchConfigId: TEXT,
    workerPoolId: TEXT,
    isArchived: { type: 'boolean' },
    configuration: { type: 'object' },
    created: DATE_TIME,
    lastModified: DATE_TIME,
  }),
);

export const PROVIDER_LIST = listSchema(
  'Provider List',
  'providers',
  objectOf({ providerId: TEXT, providerType: TEXT }),
);
