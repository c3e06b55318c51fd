import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ApiError } from '../http/api-error.js';
import { sendError } from '../http/error-reply.js';
import type { PageAccess } from './page-access.js';
import { registerPageData } from './page-data.js';
import type { PageData } from './page-data.js';
import type { PageFiles } from './page-files.js';
import { ASSET_HEADERS, DATA_HEADERS, documentHeaders, newNonce } from './page-headers.js';
import { PAGE_ROUTES, connectionsOf, isPagePath } from './page-paths.js';

const PAGE = { name: 'page' } as const;

interface PageOptions extends PageData {
  readonly files: PageFiles;
}

/** Serves the page to browsers. */
export async function registerPage(app: FastifyInstance, { files, ...data }: PageOptions): Promise<void> {
  await app.register((scope, _options, done) => {
    scope.setErrorHandler((error, request, reply) =>
      sendError(request, reply.headers(DATA_HEADERS), { method: PAGE, error, time: data.now() }),
    );
    for (const url of PAGE_ROUTES) {
      scope.get(url, (request, reply) => sendDocument({ files, access: data.access }, request, reply));
    }
    scope.get('/page/assets/:name', (request, reply) => sendAsset(files, request, reply));
    registerPageData(scope, data);
    done();
  });
}

interface Documents {
  readonly files: PageFiles;
  readonly access: PageAccess;
}

/** Answers with the page, or without a session with the form that asks for the token; programs get their usual 404. */
async function sendDocument(
  { files, access }: Documents,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const url = new URL(request.url, 'http://page');
  if (!isPagePath(url.pathname) || !isBrowser(request)) {
    reply.callNotFound();
    return reply;
  }
  access.checkHost(request);
  const nonce = newNonce();
  void reply.headers(documentHeaders(nonce, connectionsOf(url.pathname)));
  const token = url.searchParams.get('token');
  if (token !== null && access.session.isToken(token)) {
    url.searchParams.delete('token');
    void reply.header('set-cookie', access.session.cookieFor(request.raw));
    // Two slashes at the beginning would lead to another host.
    return reply.redirect(url.pathname.replace(/^\/+/, '/') + url.search, 303);
  }
  void reply.type('text/html; charset=utf-8');
  if (!access.session.isIn(request.raw)) return reply.code(401).send(files.login(url.searchParams));
  return reply.send(files.document(nonce));
}

/** Whether a browser wants to show the answer. */
function isBrowser({ headers }: FastifyRequest): boolean {
  return headers.accept?.includes('text/html') === true;
}

async function sendAsset(files: PageFiles, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { name } = request.params as { readonly name: string };
  const file = files.asset(name);
  if (!file) throw new ApiError('ResourceNotFound', `The page has no file ${name}.`);
  return reply.headers(ASSET_HEADERS).type(file.type).send(file.content);
}
