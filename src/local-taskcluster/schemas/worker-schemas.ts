import { Schema } from '../http/schema.js';
import { listSchema, objectOf } from './define.js';
import { DATE_TIME, IDENTIFIER, TASK_QUEUE_ID } from './task-schemas.js';

/** The states of the real service; workers here are never `requested` and stop at once. */
const WORKER_STATES = ['requested', 'running', 'stopping', 'stopped'] as const;
export type WorkerState = (typeof WORKER_STATES)[number];

const SECRET = { type: 'string', pattern: '^[a-zA-Z0-9_-]{44}$' } as const;

const CAPACITY = { type: 'integer', minimum: 1 } as const;

export interface CreateWorkerRequest {
  readonly expires: string;
  readonly capacity?: number;
  readonly providerInfo?: { readonly staticSecret: string };
}

export const CREATE_WORKER_REQUEST = new Schema<CreateWorkerRequest>(
  'Worker Creation Request',
  objectOf(
    {
      expires: DATE_TIME,
      capacity: CAPACITY,
      providerInfo: { type: 'object', oneOf: [objectOf({ staticSecret: SECRET })] },
    },
    ['capacity', 'providerInfo'],
  ),
);

/** The key of a worker. */
export interface WorkerKey {
  readonly workerPoolId: string;
  readonly workerGroup: string;
  readonly workerId: string;
}

const KEY = { workerPoolId: TASK_QUEUE_ID, workerGroup: IDENTIFIER, workerId: IDENTIFIER } as const;

const WORKER = objectOf(
  {
    ...KEY,
    providerId: IDENTIFIER,
    created: DATE_TIME,
    expires: DATE_TIME,
    lastModified: DATE_TIME,
    lastChecked: DATE_TIME,
    capacity: CAPACITY,
    state: { type: 'string', enum: WORKER_STATES },
    launchConfigId: IDENTIFIER,
  },
  ['launchConfigId'],
);

export const WORKER_RESPONSE = new Schema<unknown>('Worker Full Definition', WORKER);

export const WORKER_LIST = listSchema('Worker List', 'workers', WORKER);

/** The proof of a worker's identity, by the type of its provider. */
export type IdentityProof =
  | { readonly token: string }
  | { readonly staticSecret: string }
  | { readonly document: string; readonly signature: string }
  | { readonly document: string };

export interface RegisterWorkerRequest extends WorkerKey {
  readonly providerId: string;
  readonly workerIdentityProof: IdentityProof;
}

const TEXT = { type: 'string' } as const;

export const REGISTER_WORKER_REQUEST = new Schema<RegisterWorkerRequest>(
  'Register Worker Request',
  objectOf(
    {
      ...KEY,
      providerId: IDENTIFIER,
      workerIdentityProof: {
        type: 'object',
        oneOf: [
          objectOf({ token: TEXT }),
          objectOf({ staticSecret: SECRET }),
          objectOf({ document: TEXT, signature: TEXT }),
          objectOf({ document: TEXT }),
        ],
      },
      systemBootTime: DATE_TIME,
    },
    ['systemBootTime'],
  ),
);

export const REREGISTER_WORKER_REQUEST = new Schema<WorkerKey & { readonly secret: string }>(
  'Reregister Worker Request',
  objectOf({ ...KEY, secret: SECRET }),
);

const REGISTRATION = {
  expires: DATE_TIME,
  credentials: objectOf({ clientId: TEXT, accessToken: TEXT, certificate: TEXT }, ['certificate']),
  secret: SECRET,
} as const;

export const REGISTER_WORKER_RESPONSE = new Schema<unknown>(
  'Register Worker Response',
  objectOf({ ...REGISTRATION, workerConfig: { type: 'object' } }),
);

export const REREGISTER_WORKER_RESPONSE = new Schema<unknown>('Reregister Worker Response', objectOf(REGISTRATION));

/** Whether a worker has to shut down, and why. */
export interface TerminationDecision {
  readonly terminate: boolean;
  readonly reason: string;
}

const DECISION = { terminate: { type: 'boolean' }, reason: { type: 'string', minLength: 1 } } as const;

export const SHOULD_TERMINATE_RESPONSE = new Schema<TerminationDecision>(
  'Should Worker Terminate Response',
  objectOf(DECISION),
);

/** The input of the admin API for such a decision. */
export const TERMINATION_REQUEST = new Schema<WorkerKey & TerminationDecision>(
  'Termination Decision',
  objectOf({ ...KEY, ...DECISION }),
);
