import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Traffic, WatchedRoute } from '../faults/traffic.js';
import { ApiError } from '../http/api-error.js';
import { parseRange } from './byte-range.js';
import { IncompleteUpload } from './object-store.js';
import type { ObjectStore, StoredObject } from './object-store.js';
import type { RemoteContents } from './remote-contents.js';
import type { ObjectMethod, SignedUrls } from './signed-urls.js';

const NOTHING_HERE = 'Nothing was uploaded here.';
const WRONG_SIGNATURE = 'The signature is wrong, is meant for other headers, or has expired.';

/** What a task made is shown, but never run as a part of this server's pages. */
const SANDBOX = { 'content-security-policy': 'sandbox', 'x-content-type-options': 'nosniff' };

interface ObjectServices {
  readonly store: ObjectStore;
  readonly urls: SignedUrls;
  readonly traffic: Traffic;
  /** Undefined when everything is stored here. */
  readonly remote: RemoteContents | undefined;
}

interface ObjectRequest {
  readonly '*': string;
}

/** Serves signed addresses below /objects like S3: errors are XML, and uploads need a Content-Length. */
export async function registerObjectRoutes(app: FastifyInstance, services: ObjectServices): Promise<void> {
  await app.register(
    (scope, _options, done) => {
      scope.removeAllContentTypeParsers();
      // Leaves the body as a stream.
      scope.addContentTypeParser('*', (_request, _body, parsed) => {
        parsed(null);
      });
      const uploads = services.traffic.hooks(watchedRoute(['PUT']));
      scope.put('/*', { bodyLimit: Number.MAX_SAFE_INTEGER, ...uploads }, (request, reply) =>
        upload(services, request, reply),
      );
      const downloads = services.traffic.hooks(watchedRoute(['GET', 'HEAD']));
      scope.get('/*', downloads, (request, reply) => download(services, request, reply));
      done();
    },
    { prefix: '/objects' },
  );
}

function watchedRoute(methods: readonly string[]): WatchedRoute {
  return {
    names: methods.map((method) => `objects.${method}`),
    nameOf: ({ method }) => `objects.${method}`,
    paramsOf: ({ params }) => ({ key: (params as ObjectRequest)['*'] }),
    streamsBody: methods.includes('PUT'),
    refuse: (_request, reply, status) => refuse(reply, status, codeOf(status), `Injected status ${status}.`),
  };
}

function codeOf(status: number): string {
  if (status === 503) return 'SlowDown';
  return status < 500 ? 'AccessDenied' : 'InternalError';
}

async function upload(
  { store, urls }: ObjectServices,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const key = allowedKey(urls, 'PUT', request);
  if (key === undefined) return refuseAndHangUp(reply, 403, 'AccessDenied', WRONG_SIGNATURE);
  const length = request.headers['content-length'];
  if (length === undefined) return refuseAndHangUp(reply, 411, 'MissingContentLength', 'Send a Content-Length header.');
  const headers = {
    contentType: request.headers['content-type'] ?? 'binary/octet-stream',
    contentEncoding: request.headers['content-encoding'],
    size: Number(length),
  };
  try {
    const { etag } = await store.put(key, headers, request.raw);
    return await reply.code(200).header('etag', etag).send();
  } catch (error) {
    if (!(error instanceof IncompleteUpload) && !request.raw.errored) throw error;
    return refuseAndHangUp(reply, 400, 'IncompleteBody', 'The connection ended before Content-Length bytes had come.');
  }
}

async function download(services: ObjectServices, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { store, urls, remote } = services;
  const key = allowedKey(urls, 'GET', request);
  if (key === undefined) return refuse(reply, 403, 'AccessDenied', WRONG_SIGNATURE);
  void reply.headers({ ...SANDBOX, 'accept-ranges': 'bytes', 'access-control-allow-origin': '*' });
  const object = store.get(key) ?? (await remote?.kept(key));
  if (object) return sendObject(store, object, request, reply);
  if (remote) return sendRemote(remote, key, request, reply);
  return refuse(reply, 404, 'NoSuchKey', NOTHING_HERE);
}

async function sendObject(
  store: ObjectStore,
  object: StoredObject,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  void reply.headers({ etag: object.etag, 'last-modified': object.modified.toUTCString() });
  if (request.headers['if-none-match'] === object.etag) return reply.code(304).send();
  const range = parseRange(wantedRange(request, object), object.size);
  if (range === 'unsatisfiable') {
    void reply.header('content-range', `bytes */${object.size}`);
    return refuse(reply, 416, 'InvalidRange', `The object has ${object.size} bytes.`);
  }
  void reply.header('content-type', object.contentType);
  if (object.contentEncoding !== undefined) void reply.header('content-encoding', object.contentEncoding);
  if (range) void reply.code(206).header('content-range', `bytes ${range.first}-${range.last}/${object.size}`);
  void reply.header('content-length', range ? range.last - range.first + 1 : object.size);
  // Without a body, Fastify would set Content-Length to 0.
  return reply.send(request.method === 'HEAD' ? Readable.from([]) : store.read(object, range));
}

/** Passes on what is stored elsewhere while it is read; ends reading when the connection closes. */
async function sendRemote(
  remote: RemoteContents,
  key: string,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const hangUp = new AbortController();
  reply.raw.once('close', () => {
    hangUp.abort();
  });
  const isHeadOnly = request.method === 'HEAD';
  const ifRange = request.headers['if-range'];
  const part = { range: request.headers.range, ...(typeof ifRange === 'string' && { ifRange }), isHeadOnly };
  try {
    const content = await remote.open(key, part, hangUp.signal);
    if (!content) return await refuse(reply, 404, 'NoSuchKey', NOTHING_HERE);
    void reply.code(content.status).headers({ ...content.headers, ...SANDBOX });
    if (isHeadOnly) content.body.destroy();
    return await reply.send(isHeadOnly ? Readable.from([]) : content.body);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return refuse(reply, error.statusCode, error.code, error.message);
  }
}

/** Returns the Range header, unless If-Range names another version of the object. */
function wantedRange(request: FastifyRequest, { etag, modified }: StoredObject): string | undefined {
  const condition = request.headers['if-range'];
  const isSame = condition === undefined || condition === etag || condition === modified.toUTCString();
  return isSame ? request.headers.range : undefined;
}

function allowedKey(urls: SignedUrls, method: ObjectMethod, request: FastifyRequest): string | undefined {
  const key = (request.params as ObjectRequest)['*'];
  const query = request.query as Readonly<Record<string, string>>;
  return urls.verify(method, key, { query, headers: request.headers }) ? key : undefined;
}

/** Like `refuse`, for a request whose body will not be read. */
async function refuseAndHangUp(
  reply: FastifyReply,
  status: number,
  code: string,
  message: string,
): Promise<FastifyReply> {
  return refuse(reply.header('connection', 'close'), status, code, message);
}

async function refuse(reply: FastifyReply, status: number, code: string, message: string): Promise<FastifyReply> {
  const xml = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${escaped(message)}</Message></Error>`;
  return reply.code(status).type('application/xml').send(xml);
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
