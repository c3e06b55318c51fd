import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { errorMessage } from '../../lib/util/error-message.js';
import type { Authenticator, Identity } from '../auth/authenticator.js';
import type { Traffic, WatchedRoute } from '../faults/traffic.js';
import { ApiError, codeOfStatus } from './api-error.js';
import { authorizeAs } from './authorize.js';
import type { ApiReply, Endpoint } from './endpoint.js';
import { sendError, sendErrorBody } from './error-reply.js';
import { monitoringEndpoints } from './monitoring.js';
import { checkParams, checkQuery, fastifyRoutes, namedParams } from './route.js';

const MAX_BODY_BYTES = 10 * 1024 * 1024;

export interface ServiceContext {
  readonly authenticator: Authenticator;
  readonly now: () => Date;
  /** Aborts when the server closes. */
  readonly closing: AbortSignal;
  readonly traffic: Traffic;
  /** Returns the caller without credentials that is known by a session; may throw an ApiError. */
  readonly sessionOf?: (request: FastifyRequest) => Identity | undefined;
}

/** Serves the endpoints below /api/<name>/v1, with Taskcluster's error bodies and monitoring methods. */
export async function registerService(
  app: FastifyInstance,
  name: string,
  endpoints: readonly Endpoint[],
  context: ServiceContext,
): Promise<void> {
  await app.register(
    (scope, _options, done) => {
      scope.removeAllContentTypeParsers();
      // Keeps the bytes: a Hawk payload hash covers them, not the parsed value.
      scope.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: MAX_BODY_BYTES }, (_request, body, parsed) => {
        parsed(null, body);
      });
      scope.setErrorHandler((error, request, reply) =>
        sendError(request, reply, { method: { name: 'unknown' }, error, time: context.now() }),
      );
      for (const endpoint of [...monitoringEndpoints(context.now), ...endpoints]) {
        for (const url of fastifyRoutes(endpoint.route)) {
          scope.route({
            method: endpoint.method,
            url,
            ...context.traffic.hooks(watchedRoute(name, endpoint, context.now)),
            handler: (request, reply) => serve(endpoint, context, request, reply),
          });
        }
      }
      done();
    },
    { prefix: `/api/${name}/v1` },
  );
}

function watchedRoute(service: string, endpoint: Endpoint, now: () => Date): WatchedRoute {
  const call = `${service}.${endpoint.name}`;
  return {
    names: [call],
    nameOf: () => call,
    paramsOf: (request) => namedParams(endpoint.route, request.params as Record<string, string>),
    streamsBody: false,
    refuse: (request, reply, statusCode) => {
      const error = { statusCode, code: codeOfStatus(statusCode), message: `Injected status ${statusCode}.` };
      return sendErrorBody(request, reply, { method: endpoint, ...error, time: now() });
    },
  };
}

async function serve(
  endpoint: Endpoint,
  context: ServiceContext,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const hangUp = new AbortController();
  const abort = (): void => {
    hangUp.abort();
  };
  // "close" is emitted after a complete response as well; by then there are no listeners left.
  reply.raw.once('close', abort);
  context.closing.addEventListener('abort', abort, { once: true });
  try {
    const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
    const identity = await identityOf(endpoint, context, request, body);
    const params = checkParams(endpoint.route, request.params as Record<string, string>);
    const answer = await endpoint.run({
      param: (name) => params[name] ?? '',
      query: checkQuery(endpoint.name, endpoint.query ?? [], request.query as Record<string, unknown>),
      input: endpoint.input ? parseJson(request, body) : undefined,
      scopes: identity.scopes,
      clientId: identity.clientId,
      identifyBy: (other) => other.authenticate(request.raw, body),
      authorize: authorizeAs(identity),
      closed: hangUp.signal,
      baseUrl: `${request.protocol}://${request.host}`,
    });
    checkOutput(endpoint, answer);
    void reply.code(answer.status ?? 200).headers(answer.headers ?? {});
    if (answer.body === undefined) return await reply.send();
    return await reply.type('application/json; charset=utf-8').send(JSON.stringify(answer.body));
  } catch (error) {
    return await sendError(request, reply, { method: endpoint, error, time: context.now() });
  } finally {
    context.closing.removeEventListener('abort', abort);
    reply.raw.removeListener('close', abort);
  }
}

async function identityOf(
  { isOpen }: Endpoint,
  { authenticator, sessionOf }: ServiceContext,
  request: FastifyRequest,
  body: Buffer,
): Promise<Identity> {
  if (isOpen) return authenticator.anonymous();
  return sessionOf?.(request) ?? (await authenticator.authenticate(request.raw, body));
}

function parseJson(request: FastifyRequest, body: Buffer): unknown {
  const type = request.headers['content-type'] ?? '';
  if (!/^application\/json\b/i.test(type)) {
    throw new ApiError('MalformedPayload', `The body has to be application/json, not ${JSON.stringify(type)}.`);
  }
  try {
    return JSON.parse(body.toString('utf8')) as unknown;
  } catch (error) {
    throw new ApiError('MalformedPayload', `The body is not valid JSON: ${errorMessage(error)}`);
  }
}

function checkOutput(endpoint: Endpoint, answer: ApiReply): void {
  if (!endpoint.output || answer.isPassedOn || ![200, 303].includes(answer.status ?? 200)) return;
  const checked = endpoint.output.check(JSON.parse(JSON.stringify(answer.body)));
  if ('problems' in checked) {
    throw new Error(`the answer of ${endpoint.name} breaks its schema: ${checked.problems.join('; ')}`);
  }
}
