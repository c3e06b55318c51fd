import { Schema } from '../http/schema.js';
import { listSchema, objectOf } from './define.js';
import { DISTINCT_SCOPES, SCOPES } from './scope-schemas.js';
import { DATE_TIME } from './task-schemas.js';

const CLIENT_ID = { type: 'string', pattern: '^[A-Za-z0-9!@/:.+|_-]+$' } as const;
const ROLE_ID = { type: 'string', pattern: '^[\\x20-\\x7e]+$' } as const;
const DESCRIPTION = { type: 'string', maxLength: 10_240 } as const;
const FLAG = { type: 'boolean' } as const;

export interface CreateClientRequest {
  readonly expires: string;
  readonly description: string;
  readonly scopes?: readonly string[];
  readonly deleteOnExpiration: boolean;
}

export const CREATE_CLIENT_REQUEST = new Schema<CreateClientRequest>(
  'Create Client Request',
  objectOf(
    {
      expires: DATE_TIME,
      description: DESCRIPTION,
      scopes: DISTINCT_SCOPES,
      deleteOnExpiration: { ...FLAG, default: false },
    },
    ['scopes', 'deleteOnExpiration'],
  ),
);

const CLIENT = {
  clientId: CLIENT_ID,
  expires: DATE_TIME,
  description: DESCRIPTION,
  created: DATE_TIME,
  lastModified: DATE_TIME,
  lastDateUsed: DATE_TIME,
  lastRotated: DATE_TIME,
  scopes: DISTINCT_SCOPES,
  expandedScopes: DISTINCT_SCOPES,
  disabled: FLAG,
  deleteOnExpiration: FLAG,
} as const;

const ACCESS_TOKEN = { type: 'string', pattern: '^[a-zA-Z0-9_-]{22,66}$' } as const;

/** The only response that includes an access token. */
export const CREATE_CLIENT_RESPONSE = new Schema<unknown>(
  'Create Client Response',
  objectOf({ ...CLIENT, accessToken: ACCESS_TOKEN }),
);

export const CLIENT_RESPONSE = new Schema<unknown>('Get Client Response', objectOf(CLIENT));

export const CLIENT_LIST = listSchema('List Clients Response', 'clients', objectOf(CLIENT));

export interface CreateRoleRequest {
  readonly scopes: readonly string[];
  readonly description: string;
}

export const CREATE_ROLE_REQUEST = new Schema<CreateRoleRequest>(
  'Create Role Request',
  objectOf({ scopes: DISTINCT_SCOPES, description: DESCRIPTION }),
);

const ROLE = objectOf({
  roleId: ROLE_ID,
  scopes: SCOPES,
  description: DESCRIPTION,
  created: DATE_TIME,
  lastModified: DATE_TIME,
  expandedScopes: DISTINCT_SCOPES,
});

export const ROLE_RESPONSE = new Schema<unknown>('Get Role Response', ROLE);

/** All roles at once, without paging. */
export const ALL_ROLES = new Schema<unknown>('List Roles Response', { type: 'array', items: ROLE });

export const ROLE_LIST = listSchema('Get All Roles', 'roles', ROLE);

export const ROLE_ID_LIST = listSchema('Get All Role Ids', 'roleIds', { type: 'string' });

export interface TestAuthenticateRequest {
  readonly clientScopes: readonly string[];
  readonly requiredScopes: readonly string[];
}

export const TEST_AUTHENTICATE_REQUEST = new Schema<TestAuthenticateRequest>(
  'Test Authenticate Request',
  objectOf({
    clientScopes: { ...DISTINCT_SCOPES, default: [] },
    requiredScopes: { ...DISTINCT_SCOPES, default: [] },
  }),
);

export const TEST_AUTHENTICATE_RESPONSE = new Schema<unknown>(
  'Test Authenticate Response',
  objectOf({ clientId: CLIENT_ID, scopes: DISTINCT_SCOPES }),
);
