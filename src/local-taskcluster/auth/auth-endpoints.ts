import { endpoint } from '../http/endpoint.js';
import type { Endpoint } from '../http/endpoint.js';
import { SCOPE_SET } from '../schemas/scope-schemas.js';
import type { RoleTable } from './role-table.js';

/** The auth service: what scopes mean here. */
export function authEndpoints(roles: RoleTable): readonly Endpoint[] {
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
