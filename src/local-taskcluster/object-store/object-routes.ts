import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Traffic, WatchedRoute } from '../faults/traffic.js';
import { parseRange } from './byte-range.js';
import { IncompleteUpload } from './object-store.js';
import type { ObjectStore, StoredObject } from './object-store.js';
import type { ObjectMethod, SignedUrls } from './signed-urls.js';

const WRONG_SIGNATURE = 'The signature is wrong, is meant for other headers, or has expired.';

interface ObjectServices {
  readonly store: ObjectStore;
  readonly urls: SignedUrls;
  readonly traffic: Traffic;
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

async function download(
  { store, urls }: ObjectServices,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const key = allowedKey(urls, 'GET', request);
  if (key === undefined) return refuse(reply, 403, 'AccessDenied', WRONG_SIGNATURE);
  const object = store.get(key);
  if (!object) return refuse(reply, 404, 'NoSuchKey', 'Nothing was uploaded here.');
  void reply.headers({
    'accept-ranges': 'bytes',
    'access-control-allow-origin': '*',
    etag: object.etag,
    'last-modified': object.modified.toUTCString(),
  });
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
  const xml = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${message}</Message></Error>`;
  return reply.code(status).type('application/xml').send(xml);
}
