import { ApiError } from '../http/api-error.js';
import { endpoint } from '../http/endpoint.js';
import type { Endpoint } from '../http/endpoint.js';
import { PAGING, pageOf } from '../http/page.js';
import { SECRET, SECRET_LIST } from '../schemas/secret-schemas.js';
import type { Secret } from '../schemas/secret-schemas.js';

/** Returns the endpoints of the secrets service: JSON by name, until it expires. */
export function secretEndpoints(now: () => Date): readonly Endpoint[] {
  const secrets = new Map<string, Secret>();
  const find = (name: string): Secret | undefined => {
    const secret = secrets.get(name);
    return secret && new Date(secret.expires) > now() ? secret : undefined;
  };
  return [
    endpoint({
      name: 'set',
      method: 'PUT',
      route: '/secret/<name>',
      input: SECRET,
      isConfidential: true,
      scopes: (param) => `secrets:set:${param('name')}`,
      handle: ({ param, input }) => {
        secrets.set(param('name'), { ...input, expires: new Date(input.expires).toJSON() });
        return { body: {} };
      },
    }),
    endpoint({
      name: 'get',
      method: 'GET',
      route: '/secret/<name>',
      output: SECRET,
      scopes: (param) => `secrets:get:${param('name')}`,
      handle: ({ param }) => {
        const secret = find(param('name'));
        if (!secret) throw new ApiError('ResourceNotFound', `There is no secret ${param('name')}.`);
        return { body: secret };
      },
    }),
    endpoint({
      name: 'remove',
      method: 'DELETE',
      route: '/secret/<name>',
      scopes: (param) => `secrets:set:${param('name')}`,
      handle: ({ param }) => {
        secrets.delete(param('name'));
        return { body: {} };
      },
    }),
    endpoint({
      name: 'list',
      method: 'GET',
      route: '/secrets',
      query: PAGING,
      output: SECRET_LIST,
      scopes: () => 'secrets:list-secrets',
      handle: ({ query }) => {
        const names = [...secrets.keys()].filter((name) => find(name));
        const { items, next } = pageOf(names, (name) => name, query);
        return { body: { secrets: items, ...next } };
      },
    }),
  ];
}
