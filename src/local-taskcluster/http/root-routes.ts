import type { FastifyInstance } from 'fastify';
import { ApiError } from './api-error.js';
import { sendError } from './error-reply.js';
import { MONITORING } from './monitoring.js';

const UNKNOWN = { name: 'unknown' } as const;
const ADVICE = 'docs/local-taskcluster.md lists all that there is.';

/** Registers the routes outside the services: monitoring for all of them, and answers for unknown addresses. */
export function registerRootRoutes(app: FastifyInstance, services: readonly string[], now: () => Date): void {
  const { version, heartbeat } = MONITORING;
  app.get('/__version__', () => version());
  app.get('/__heartbeat__', () => heartbeat());
  app.get('/__lbheartbeat__', () => heartbeat());
  // Accepts any body: the address is what is wrong.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, parsed) => {
    parsed(null, body);
  });
  app.setErrorHandler((error, request, reply) => sendError(request, reply, { method: UNKNOWN, error, time: now() }));
  app.setNotFoundHandler((request, reply) => {
    const error = new ApiError('ResourceNotFound', `${problemWith(request.method, request.url, services)} ${ADVICE}`);
    return sendError(request, reply, { method: UNKNOWN, error, time: now() });
  });
}

function problemWith(method: string, url: string, services: readonly string[]): string {
  const path = url.split('?', 1)[0] ?? '';
  const [, api, service = '', version] = path.split('/');
  if (api !== 'api') return `There is nothing at ${path} in the local Taskcluster.`;
  if (!services.includes(service)) {
    return `There is no service ${JSON.stringify(service)} in the local Taskcluster; there are ${services.join(', ')}.`;
  }
  if (version !== 'v1') return `The services of the local Taskcluster are below /api/<service>/v1, not at ${path}.`;
  return `The method ${method} ${path} is not part of the local Taskcluster.`;
}
