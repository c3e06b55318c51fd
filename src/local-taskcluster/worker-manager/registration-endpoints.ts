import { endpoint } from '../http/endpoint.js';
import type { Endpoint } from '../http/endpoint.js';
import {
  REGISTER_WORKER_REQUEST,
  REGISTER_WORKER_RESPONSE,
  REREGISTER_WORKER_REQUEST,
  REREGISTER_WORKER_RESPONSE,
} from '../schemas/worker-schemas.js';
import type { Registration } from './registration.js';
import { nameOf } from './workers.js';

/** Returns the worker-manager endpoints with which workers get and renew credentials. */
export function registrationEndpoints(registration: Registration): readonly Endpoint[] {
  return [
    endpoint({
      name: 'registerWorker',
      method: 'POST',
      route: '/worker/register',
      input: REGISTER_WORKER_REQUEST,
      output: REGISTER_WORKER_RESPONSE,
      isConfidential: true,
      // No scopes: the caller has no credentials yet.
      handle: ({ input }) => ({ body: registration.register(input) }),
    }),
    endpoint({
      name: 'reregisterWorker',
      method: 'POST',
      route: '/worker/reregister',
      input: REREGISTER_WORKER_REQUEST,
      output: REREGISTER_WORKER_RESPONSE,
      isConfidential: true,
      handle: ({ input: { secret, ...key }, authorize }) => {
        authorize(`worker-manager:reregister-worker:${nameOf(key)}`);
        return { body: registration.reregister(key, secret) };
      },
    }),
  ];
}
