import { ApiError } from '../http/api-error.js';
import { endpoint } from '../http/endpoint.js';
import type { Endpoint } from '../http/endpoint.js';
import { PAGING, pageOf } from '../http/page.js';
import {
  CLIENT_LIST,
  CLIENT_RESPONSE,
  CREATE_CLIENT_REQUEST,
  CREATE_CLIENT_RESPONSE,
} from '../schemas/auth-schemas.js';
import type { CreateClientRequest } from '../schemas/auth-schemas.js';
import { newAccessToken } from './access-token.js';
import type { ClientRecord, ClientTable } from './client-table.js';
import { checkScopes } from './role-rules.js';
import type { RoleTable } from './role-table.js';

const CLIENT = '/clients/<clientId>';

interface ClientServices {
  readonly clients: ClientTable;
  readonly roles: RoleTable;
}

/** Returns the auth endpoints that create, change and read clients. The server's own clients can't be changed. */
export function clientEndpoints(services: ClientServices): readonly Endpoint[] {
  return [...readEndpoints(services), ...writeEndpoints(services), ...toggleEndpoints(services)];
}

function readEndpoints({ clients, roles }: ClientServices): readonly Endpoint[] {
  return [
    endpoint({
      name: 'listClients',
      method: 'GET',
      route: '/clients/',
      query: ['prefix', ...PAGING],
      output: CLIENT_LIST,
      scopes: () => 'auth:list-clients',
      handle: ({ query }) => {
        const { items, next } = pageOf(clients.list(query['prefix'] ?? ''), ({ clientId }) => clientId, query);
        return { body: { clients: items.map((client) => shown(client, roles)), ...next } };
      },
    }),
    endpoint({
      name: 'client',
      method: 'GET',
      route: CLIENT,
      output: CLIENT_RESPONSE,
      scopes: (param) => `auth:get-client:${param('clientId')}`,
      handle: ({ param }) => ({ body: shown(clients.get(param('clientId')), roles) }),
    }),
  ];
}

function writeEndpoints({ clients, roles }: ClientServices): readonly Endpoint[] {
  return [
    endpoint({
      name: 'createClient',
      method: 'PUT',
      route: CLIENT,
      input: CREATE_CLIENT_REQUEST,
      output: CREATE_CLIENT_RESPONSE,
      handle: ({ param, input, authorize }) => {
        const clientId = changeable(param('clientId'));
        const { scopes = [] } = input;
        checkScopes(scopes);
        authorize({ AllOf: [`auth:create-client:${clientId}`, ...scopes] });
        if (clients.find(clientId)) throw new ApiError('RequestConflict', `The client ${clientId} exists already.`);
        const client = clients.set({ clientId, accessToken: newAccessToken(), ...definitionOf(input), scopes });
        return { body: { ...shown(client, roles), accessToken: client.accessToken } };
      },
    }),
    endpoint({
      name: 'updateClient',
      method: 'POST',
      route: CLIENT,
      input: CREATE_CLIENT_REQUEST,
      output: CLIENT_RESPONSE,
      handle: ({ param, input, authorize }) => {
        const clientId = changeable(param('clientId'));
        const existing = clients.get(clientId);
        const { scopes = existing.scopes } = input;
        checkScopes(scopes);
        // The caller does not need the scopes that the client already has.
        const had = new Set(existing.scopes);
        const added = scopes.filter((scope) => !had.has(scope));
        authorize({ AllOf: [`auth:update-client:${clientId}`, ...added] });
        return { body: shown(clients.change(clientId, { ...definitionOf(input), scopes }), roles) };
      },
    }),
    endpoint({
      name: 'deleteClient',
      method: 'DELETE',
      route: CLIENT,
      scopes: (param) => `auth:delete-client:${param('clientId')}`,
      handle: ({ param }) => {
        clients.delete(changeable(param('clientId')));
        return { status: 204 };
      },
    }),
  ];
}

function toggleEndpoints({ clients, roles }: ClientServices): readonly Endpoint[] {
  const toggle = (verb: 'enable' | 'disable', change: Pick<ClientRecord, 'isDisabled'>): Endpoint =>
    endpoint({
      name: `${verb}Client`,
      method: 'POST',
      route: `${CLIENT}/${verb}`,
      output: CLIENT_RESPONSE,
      scopes: (param) => `auth:${verb}-client:${param('clientId')}`,
      handle: ({ param }) => ({ body: shown(clients.change(changeable(param('clientId')), change), roles) }),
    });
  return [
    toggle('enable', { isDisabled: false }),
    toggle('disable', { isDisabled: true }),
    endpoint({
      name: 'resetAccessToken',
      method: 'POST',
      route: `${CLIENT}/reset`,
      output: CREATE_CLIENT_RESPONSE,
      scopes: (param) => `auth:reset-access-token:${param('clientId')}`,
      handle: ({ param }) => {
        const accessToken = newAccessToken();
        const existing = clients.get(changeable(param('clientId')));
        const client = clients.change(existing.clientId, { accessToken, lastRotated: clients.now().toJSON() });
        return { body: { ...shown(client, roles), accessToken } };
      },
    }),
  ];
}

/** Throws InputError for one of the server's own clients. */
function changeable(clientId: string): string {
  if (!clientId.startsWith('static/')) return clientId;
  throw new ApiError(
    'InputError',
    `Clients below static/, as ${clientId} is, belong to the server and stay as they are.`,
  );
}

function definitionOf({
  description,
  expires,
  deleteOnExpiration,
}: CreateClientRequest): Pick<ClientRecord, 'description' | 'expires' | 'deleteOnExpiration'> {
  return { description, expires: new Date(expires).toJSON(), deleteOnExpiration };
}

/** Returns the client without its access token. */
function shown(client: ClientRecord, roles: RoleTable): object {
  const { clientId, description, expires, created, lastModified, lastDateUsed, lastRotated, scopes } = client;
  const { deleteOnExpiration, isDisabled: disabled } = client;
  const times = { expires, created, lastModified, lastDateUsed, lastRotated };
  return {
    clientId,
    description,
    ...times,
    scopes,
    expandedScopes: roles.expand(scopes),
    disabled,
    deleteOnExpiration,
  };
}
