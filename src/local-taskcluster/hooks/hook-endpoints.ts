import { ApiError } from '../http/api-error.js';
import { endpoint } from '../http/endpoint.js';
import type { Endpoint } from '../http/endpoint.js';
import { PAGING } from '../http/page.js';
import { HOOK_GROUP_LIST } from '../schemas/hook-schemas.js';

const HOOK = '/hooks/<hookGroupId>/<hookId>';

/** Returns the endpoints of the hooks service. It never has any hooks: no endpoint creates them. */
export function hookEndpoints(): readonly Endpoint[] {
  return [
    endpoint({
      name: 'listHookGroups',
      method: 'GET',
      route: '/hooks',
      output: HOOK_GROUP_LIST,
      scopes: () => 'hooks:list-hooks:',
      handle: () => ({ body: { groups: [] } }),
    }),
    endpoint({
      name: 'listHooks',
      method: 'GET',
      route: '/hooks/<hookGroupId>',
      scopes: (param) => `hooks:list-hooks:${param('hookGroupId')}`,
      handle: ({ param }) => {
        throw new ApiError(
          'ResourceNotFound',
          `There is no group of hooks ${param('hookGroupId')}: there are no hooks.`,
        );
      },
    }),
    ofHook({ name: 'hook', route: HOOK }, (hook) => `hooks:get:${hook.replace('/', ':')}`),
    ofHook({ name: 'getHookStatus', route: `${HOOK}/status` }, (hook) => `hooks:status:${hook}`),
    ofHook(
      { name: 'listLastFires', route: `${HOOK}/last-fires`, query: PAGING },
      (hook) => `hooks:list-last-fires:${hook}`,
    ),
  ];
}

function ofHook(method: Pick<Endpoint, 'name' | 'route' | 'query'>, scopeOf: (hook: string) => string): Endpoint {
  return endpoint({
    ...method,
    method: 'GET',
    scopes: (param) => scopeOf(`${param('hookGroupId')}/${param('hookId')}`),
    handle: ({ param }) => {
      const hook = `${param('hookGroupId')}/${param('hookId')}`;
      throw new ApiError('ResourceNotFound', `There is no hook ${hook}: there are no hooks.`);
    },
  });
}
