import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ApiError } from '../http/api-error.js';
import type { ApiCall, Endpoint } from '../http/endpoint.js';
import { checkParams } from '../http/route.js';
import type { Queue } from '../queue/queue.js';
import { artifactBytes, lastBytes } from './artifact-bytes.js';
import { checkDefinition } from './check-definition.js';
import { listGroups } from './list-groups.js';
import type { PageAccess } from './page-access.js';
import { DATA_HEADERS } from './page-headers.js';
import { taskEvents } from './task-events.js';

const MOST_TAIL_BYTES = 1024 * 1024;
const LOG_ROUTE = '/task/<taskId>/runs/<runId>/artifacts/<name>';

/** What the page shows, and who may see it. */
export interface PageData {
  readonly access: PageAccess;
  readonly queue: Queue;
  /** The methods of the queue. */
  readonly queueEndpoints: readonly Endpoint[];
  readonly now: () => Date;
  /** Aborts when the server closes. */
  readonly closing: AbortSignal;
}

/** Serves what the page needs beyond the methods of the services, below /page/, to those who have the session. */
export function registerPageData(scope: FastifyInstance, data: PageData): void {
  const { access, queue, closing, now } = data;
  scope.get('/page/api/groups', (request, reply) => {
    access.check(request);
    return sendJson(reply, { groups: listGroups(queue.all()) });
  });
  scope.post('/page/api/check', async (request, reply) => {
    access.checkChange(request);
    return sendJson(reply, { problems: await checkDefinition(definitionIn(request), now()) });
  });
  scope.get('/page/events', (request, reply) => {
    access.check(request);
    const stream = taskEvents(queue.changes, request.query as object, closing);
    reply.raw.once('close', () => {
      stream.destroy();
    });
    return reply.headers(DATA_HEADERS).type('text/event-stream; charset=utf-8').send(stream);
  });
  scope.get('/page/log/:taskId/:runId/*', (request, reply) => {
    access.check(request);
    return sendArtifact(data, request, reply);
  });
}

async function sendJson(reply: FastifyReply, body: object): Promise<FastifyReply> {
  return reply.headers(DATA_HEADERS).type('application/json; charset=utf-8').send(JSON.stringify(body));
}

function definitionIn({ body }: FastifyRequest): unknown {
  try {
    const { definition } = Object(JSON.parse(String(body))) as { readonly definition?: unknown };
    return definition;
  } catch (error) {
    throw new ApiError('MalformedPayload', `The body is not valid JSON: ${String(error)}`);
  }
}

/** Answers with the bytes of an artifact as plain text: all of them, or the last `tail`. */
async function sendArtifact(data: PageData, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const tail = Number((request.query as { readonly tail?: string }).tail ?? 0);
  if (!(tail >= 0 && tail <= MOST_TAIL_BYTES)) {
    throw new ApiError('InvalidRequestArguments', `tail has to be a number up to ${MOST_TAIL_BYTES}.`);
  }
  const hangUp = new AbortController();
  reply.raw.once('close', () => {
    hangUp.abort();
  });
  const signal = AbortSignal.any([hangUp.signal, data.closing]);
  const { content, size } = await artifactBytes(await addressOf(data, request, signal), signal);
  void reply.headers(DATA_HEADERS).type('text/plain; charset=utf-8');
  if (tail > 0) return reply.send(lastBytes(content, tail));
  if (size !== undefined) void reply.header('x-content-size', size);
  return reply.send(content);
}

/** Returns the address that the queue gives for the artifact that the request names. */
async function addressOf(data: PageData, request: FastifyRequest, closed: AbortSignal): Promise<string> {
  const params = checkParams(LOG_ROUTE, request.params as Readonly<Record<string, string>>);
  const getArtifact = data.queueEndpoints.find(({ name }) => name === 'getArtifact');
  if (!getArtifact) throw new Error('the queue has no method getArtifact');
  const { localAddress = '', localPort = 0 } = request.raw.socket;
  const address = localAddress.replace(/^::ffff:/, '');
  const call: ApiCall<unknown> = {
    param: (name) => params[name] ?? '',
    query: {},
    input: undefined,
    scopes: ['*'],
    clientId: undefined,
    identifyBy: (authenticator) => Promise.resolve(authenticator.anonymous()),
    // The session may read everything.
    authorize: () => undefined,
    closed,
    baseUrl: `http://${address.includes(':') ? `[${address}]` : address}:${localPort}`,
  };
  const { body } = await getArtifact.run(call);
  const { url, message } = body as { readonly url?: string; readonly message?: string };
  if (url === undefined) throw new ApiError('ResourceNotFound', `The artifact is an error: ${message ?? ''}`);
  return url;
}
