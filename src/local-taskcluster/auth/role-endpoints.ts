import { isDeepStrictEqual } from 'node:util';
import { ScopeSet } from '../../lib/queue/scopes.js';
import { ApiError } from '../http/api-error.js';
import { endpoint } from '../http/endpoint.js';
import type { Endpoint } from '../http/endpoint.js';
import { PAGING, pageOf } from '../http/page.js';
import { ALL_ROLES, CREATE_ROLE_REQUEST, ROLE_ID_LIST, ROLE_LIST, ROLE_RESPONSE } from '../schemas/auth-schemas.js';
import { checkScopes } from './role-rules.js';
import type { Role, RoleTable } from './role-table.js';

const ROLE = '/roles/<roleId>';
const idOf = ({ roleId }: Role): string => roleId;

/** Returns the auth endpoints that define and read roles. */
export function roleEndpoints(roles: RoleTable): readonly Endpoint[] {
  return [...readEndpoints(roles), ...writeEndpoints(roles)];
}

function readEndpoints(roles: RoleTable): readonly Endpoint[] {
  return [
    endpoint({
      name: 'listRoles',
      method: 'GET',
      route: '/roles/',
      output: ALL_ROLES,
      scopes: () => 'auth:list-roles',
      handle: () => ({ body: roles.list().map((role) => shown(role, roles)) }),
    }),
    endpoint({
      name: 'listRoles2',
      method: 'GET',
      route: '/roles2/',
      query: PAGING,
      output: ROLE_LIST,
      scopes: () => 'auth:list-roles',
      handle: ({ query }) => {
        const { items, next } = pageOf(roles.list(), idOf, query);
        return { body: { roles: items.map((role) => shown(role, roles)), ...next } };
      },
    }),
    endpoint({
      name: 'listRoleIds',
      method: 'GET',
      route: '/roleids/',
      query: PAGING,
      output: ROLE_ID_LIST,
      scopes: () => 'auth:list-roles',
      handle: ({ query }) => {
        const { items, next } = pageOf(roles.list(), idOf, query);
        return { body: { roleIds: items.map(idOf), ...next } };
      },
    }),
    endpoint({
      name: 'role',
      method: 'GET',
      route: ROLE,
      output: ROLE_RESPONSE,
      scopes: (param) => `auth:get-role:${param('roleId')}`,
      handle: ({ param }) => ({ body: shown(roles.get(param('roleId')), roles) }),
    }),
  ];
}

function writeEndpoints(roles: RoleTable): readonly Endpoint[] {
  return [
    endpoint({
      name: 'createRole',
      method: 'PUT',
      route: ROLE,
      input: CREATE_ROLE_REQUEST,
      output: ROLE_RESPONSE,
      handle: ({ param, input, authorize }) => {
        const roleId = param('roleId');
        checkScopes(input.scopes);
        authorize({ AllOf: [`auth:create-role:${roleId}`, ...input.scopes] });
        const existing = roles.find(roleId);
        if (!existing) return { body: shown(roles.define({ roleId, ...input }), roles) };
        const isSame = isDeepStrictEqual(existing.scopes, [...input.scopes].sort());
        if (isSame && existing.description === input.description) return { body: shown(existing, roles) };
        throw new ApiError('RequestConflict', `The role ${roleId} exists already, with another definition.`);
      },
    }),
    endpoint({
      name: 'updateRole',
      method: 'POST',
      route: ROLE,
      input: CREATE_ROLE_REQUEST,
      output: ROLE_RESPONSE,
      handle: ({ param, input, authorize }) => {
        checkScopes(input.scopes);
        const { roleId, scopes } = roles.get(param('roleId'));
        // The caller does not need the scopes that the role already grants.
        const had = new ScopeSet(roles.expand(scopes));
        const added = input.scopes.filter((scope) => !had.satisfies(scope));
        authorize({ AllOf: [`auth:update-role:${roleId}`, ...added] });
        return { body: shown(roles.define({ roleId, ...input }), roles) };
      },
    }),
    endpoint({
      name: 'deleteRole',
      method: 'DELETE',
      route: ROLE,
      scopes: (param) => `auth:delete-role:${param('roleId')}`,
      handle: ({ param }) => {
        roles.delete(param('roleId'));
        return { status: 204 };
      },
    }),
  ];
}

function shown(role: Role, roles: RoleTable): object {
  return { ...role, expandedScopes: roles.expand([`assume:${role.roleId}`]) };
}
