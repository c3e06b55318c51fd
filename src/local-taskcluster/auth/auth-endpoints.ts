import { ApiError } from '../http/api-error.js';
import { endpoint } from '../http/endpoint.js';
import type { Endpoint } from '../http/endpoint.js';
import { SCOPE_SET } from '../schemas/scope-schemas.js';
import { clientEndpoints } from './client-endpoints.js';
import type { ClientTable } from './client-table.js';
import { roleEndpoints } from './role-endpoints.js';
import type { RoleTable } from './role-table.js';
import { testEndpoints } from './test-endpoints.js';

interface AuthServices {
  readonly clients: ClientTable;
  readonly roles: RoleTable;
}

/** Returns the endpoints of the auth service: clients, roles and scopes. */
export function authEndpoints({ clients, roles }: AuthServices): readonly Endpoint[] {
  return [
    ...scopeEndpoints(roles),
    ...clientEndpoints({ clients, roles }),
    ...roleEndpoints(roles),
    ...testEndpoints(clients.now),
    endpoint({
      name: 'websocktunnelToken',
      method: 'GET',
      route: '/websocktunnel/<wstAudience>/<wstClient>',
      scopes: (param) => `auth:websocktunnel-token:${param('wstAudience')}/${param('wstClient')}`,
      handle: ({ param }) => {
        const problem = `There is no websocktunnel ${param('wstAudience')} beside the local Taskcluster`;
        throw new ApiError('ResourceNotFound', `${problem}, and no token for it: workers have to be reached directly.`);
      },
    }),
  ];
}

function scopeEndpoints(roles: RoleTable): readonly Endpoint[] {
  return [
    endpoint({
      name: 'expandScopes',
      method: 'POST',
      route: '/scopes/expand',
      input: SCOPE_SET,
      output: SCOPE_SET,
      scopes: () => 'auth:expand-scopes',
      handle: ({ input }) => ({ body: { scopes: roles.expand(input.scopes) } }),
    }),
    endpoint({
      name: 'currentScopes',
      method: 'GET',
      route: '/scopes/current',
      output: SCOPE_SET,
      scopes: () => 'auth:current-scopes',
      handle: ({ scopes }) => ({ body: { scopes } }),
    }),
  ];
}
