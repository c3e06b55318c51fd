import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { errorMessage } from '../../lib/util/error-message.js';
import { missingScopes, satisfies } from '../../lib/queue/scopes.js';
import type { Authenticator, Identity } from '../auth/authenticator.js';
import type { Traffic, WatchedRoute } from '../faults/traffic.js';
import { ApiError, codeOfStatus } from './api-error.js';
import { checkParams, fastifyRoute, namedParams } from './endpoint.js';
import type { ApiCall, ApiReply, Endpoint } from './endpoint.js';

const MAX_BODY_BYTES = 10 * 1024 * 1024;

export interface ServiceContext {
  readonly authenticator: Authenticator;
  readonly now: () => Date;
  /** Aborts when the server closes. */
  readonly closing: AbortSignal;
  readonly traffic: Traffic;
}

/** Serves the endpoints below /api/<name>/v1, with Taskcluster's error bodies and a ping. */
export async function registerService(
  app: FastifyInstance,
  name: string,
  endpoints: readonly Endpoint[],
  context: ServiceContext,
): Promise<void> {
  await app.register(
    (scope, _options, done) => {
      scope.removeAllContentTypeParsers();
      // The bytes themselves are needed: a Hawk payload hash is over them, not over what they parse to.
      scope.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: MAX_BODY_BYTES }, (_request, body, parsed) => {
        parsed(null, body);
      });
      scope.setErrorHandler((error, request, reply) =>
        sendError(request, reply, { name: 'unknown' }, error, context.now()),
      );
      const startedAt = context.now().getTime();
      const hooks = (route: Pick<Endpoint, 'name' | 'route' | 'isConfidential'>): object =>
        context.traffic.hooks(watchedRoute(name, route, context.now));
      scope.get('/ping', hooks({ name: 'ping', route: '/ping' }), () => ({
        alive: true,
        uptime: (context.now().getTime() - startedAt) / 1000,
      }));
      for (const endpoint of endpoints) {
        scope.route({
          method: endpoint.method,
          url: fastifyRoute(endpoint.route),
          ...hooks(endpoint),
          handler: (request, reply) => serve(endpoint, context, request, reply),
        });
      }
      done();
    },
    { prefix: `/api/${name}/v1` },
  );
}

type Named = Pick<Endpoint, 'name' | 'isConfidential'>;

function watchedRoute(service: string, route: Named & { readonly route: string }, now: () => Date): WatchedRoute {
  const call = `${service}.${route.name}`;
  return {
    names: [call],
    nameOf: () => call,
    paramsOf: (request) => namedParams(route.route, request.params as Record<string, string>),
    streamsBody: false,
    refuse: (request, reply, statusCode) => {
      const error = { statusCode, code: codeOfStatus(statusCode), message: `Injected status ${statusCode}.` };
      return sendErrorBody(request, reply, route, { ...error, time: now() });
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
  // "close" comes after a complete response as well; nobody listens any more by then.
  reply.raw.once('close', abort);
  context.closing.addEventListener('abort', abort, { once: true });
  try {
    const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
    const identity = await context.authenticator.authenticate(request.raw, body);
    const params = checkParams(endpoint.route, request.params as Record<string, string>);
    const answer = await endpoint.run({
      param: (name) => params[name] ?? '',
      query: checkQuery(endpoint, request.query as Record<string, string>),
      input: endpoint.takesInput ? parseJson(request, body) : undefined,
      scopes: identity.scopes,
      authorize: authorizeAs(identity),
      closed: hangUp.signal,
      baseUrl: `${request.protocol}://${request.host}`,
    });
    checkOutput(endpoint, answer);
    void reply.code(answer.status ?? 200).headers(answer.headers ?? {});
    if (answer.body === undefined) return await reply.send();
    return await reply.type('application/json; charset=utf-8').send(JSON.stringify(answer.body));
  } catch (error) {
    return await sendError(request, reply, endpoint, error, context.now());
  } finally {
    context.closing.removeEventListener('abort', abort);
    reply.raw.removeListener('close', abort);
  }
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

function checkQuery(endpoint: Endpoint, query: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const allowed = ['bewit', ...(endpoint.query ?? [])];
  const unknown = Object.keys(query).filter((key) => !allowed.includes(key));
  if (unknown.length > 0) {
    throw new ApiError('InvalidRequestArguments', `${endpoint.name} takes no query option ${unknown.join(', ')}.`);
  }
  return query;
}

function authorizeAs(identity: Identity): ApiCall<unknown>['authorize'] {
  return (needed) => {
    if (satisfies(identity.scopes, needed)) return;
    const who = identity.clientId === undefined ? 'Without credentials you' : `Client ${identity.clientId}`;
    throw new ApiError(
      'InsufficientScopes',
      [
        `${who} ${identity.clientId === undefined ? 'do' : 'does'} not have sufficient scopes. Missing:`,
        ...missingScopes(identity.scopes, needed).map((scope) => `  ${scope}`),
        'Granted:',
        ...identity.scopes.map((scope) => `  ${scope}`),
        `This request needs ${JSON.stringify(needed)}`,
      ].join('\n'),
    );
  };
}

function checkOutput(endpoint: Endpoint, answer: ApiReply): void {
  if (!endpoint.output || ![200, 303].includes(answer.status ?? 200)) return;
  const checked = endpoint.output.check(JSON.parse(JSON.stringify(answer.body)));
  if ('problems' in checked) {
    throw new Error(`the answer of ${endpoint.name} breaks its schema: ${checked.problems.join('; ')}`);
  }
}

async function sendError(
  request: FastifyRequest,
  reply: FastifyReply,
  method: Named,
  error: unknown,
  time: Date,
): Promise<FastifyReply> {
  const { statusCode, code, message } = error instanceof ApiError ? error : fromFastify(error);
  return sendErrorBody(request, reply, method, { statusCode, code, message, time });
}

async function sendErrorBody(
  request: FastifyRequest,
  reply: FastifyReply,
  { name: method, isConfidential }: Named,
  error: { readonly statusCode: number; readonly code: string; readonly message: string; readonly time: Date },
): Promise<FastifyReply> {
  const { statusCode, code, message } = error;
  const time = error.time.toJSON();
  const details = `* method:     ${method}\n* errorCode:  ${code}\n* statusCode: ${statusCode}\n* time:       ${time}`;
  const payload = isConfidential ? '(OMITTED)' : payloadOf(request);
  if (statusCode === 401) void reply.header('www-authenticate', 'hawk');
  return reply
    .code(statusCode)
    .type('application/json; charset=utf-8')
    .send(
      JSON.stringify({
        code,
        message: `${message}\n\n---\n\n${details}`,
        requestInfo: { method, params: request.params ?? {}, payload, time },
      }),
    );
}

function fromFastify(error: unknown): ApiError {
  const { statusCode } = error as { readonly statusCode?: number };
  return new ApiError(codeOfStatus(statusCode ?? 500), errorMessage(error));
}

function payloadOf(request: FastifyRequest): unknown {
  if (!Buffer.isBuffer(request.body) || request.body.length === 0) return {};
  const text = request.body.toString('utf8');
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text; // What was sent is not JSON: it is shown as it came.
  }
}
