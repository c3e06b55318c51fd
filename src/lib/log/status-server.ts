import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { answerHalfClosed } from '../util/answer-half-closed.js';
import { ConnectionLimiter } from '../util/connection-limiter.js';
import { errorMessage } from '../util/error-message.js';
import { isLoopbackAddress, isLoopbackHost } from '../util/loopback.js';
import type { Logger } from './logger.js';

export interface StatusPage {
  readonly statusCode: number;
  readonly contentType: string;
  readonly body: string;
}

export interface StatusServerOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** The pages by path; each is built anew for every request. */
  readonly pages: Readonly<Record<string, () => Promise<StatusPage>>>;
  /** The pages for people, of the same kind: only browsers on this machine get them. */
  readonly localPages?: Readonly<Record<string, () => Promise<StatusPage>>>;
  readonly log: Logger;
}

const HTTP_OPTIONS = {
  maxHeaderSize: 8 * 1024,
  headersTimeout: 10_000,
  requestTimeout: 10_000,
  connectionsCheckingInterval: 5000,
} as const;
// Enough for all probes; a flood of connections must not exhaust the worker's file descriptors. Clients do not
// authenticate here, so no connection is held.
const LIMITS = { waiting: 64, held: 0 } as const;

/** Nothing from elsewhere, nothing inline, and in no frame: what is shown comes from strangers. */
const PAGE_HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
} as const;

/** Serves monitoring over plain HTTP. It never keeps the process alive. */
export class StatusServer {
  readonly #server: Server;
  readonly #options: StatusServerOptions;

  private constructor(server: Server, options: StatusServerOptions) {
    this.#server = server;
    this.#options = options;
    server.on('request', (request, response) => {
      void this.#answer(request, response);
    });
    server.on('error', (error) => {
      options.log.error('status server failed', { error: errorMessage(error) });
    });
    server.unref();
  }

  /** Starts to listen; throws the system's error, for instance if the port is in use. */
  static async start(options: StatusServerOptions): Promise<StatusServer> {
    const server = createServer(HTTP_OPTIONS);
    answerHalfClosed(server);
    new ConnectionLimiter(server, LIMITS);
    server.listen(options.port, options.host);
    await once(server, 'listening');
    return new StatusServer(server, options);
  }

  /** The port it listens on. */
  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Stops at once; pending requests get no answer. */
  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const page = await this.#page(request, response);
    // The worker's state changes, so caches must not store it.
    const common = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };
    response.writeHead(page.statusCode, { 'content-type': page.contentType, ...common });
    response.end(request.method === 'HEAD' ? undefined : page.body);
  }

  async #page(request: IncomingMessage, response: ServerResponse): Promise<StatusPage> {
    const { pages, localPages = {}, log } = this.#options;
    const { url = '', method = '' } = request;
    const [path = ''] = url.split('?');
    const isLocal = Object.hasOwn(localPages, path);
    const page = isLocal ? localPages[path] : Object.hasOwn(pages, path) ? pages[path] : undefined;
    if (!page) return text(404, `Not found. Available: ${Object.keys({ ...localPages, ...pages }).join(', ')}.`);
    if (isLocal && !isFromHere(request)) return text(403, NOT_FROM_HERE);
    if (isLocal) for (const [name, value] of Object.entries(PAGE_HEADERS)) response.setHeader(name, value);
    if (method !== 'GET' && method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD');
      return text(405, 'Method not allowed. Use GET or HEAD.');
    }
    try {
      return await page();
    } catch (error) {
      log.error('status request failed', { path, error });
      return text(500, 'Internal error. See the worker log.');
    }
  }
}

const NOT_FROM_HERE =
  'This page is only for browsers on this machine. Open it as http://127.0.0.1:PORT/, through an SSH tunnel if need be.';

/**
 * Tells whether a request was made to this machine's loopback address under a name for it. Any website can make a
 * browser ask here under its own name (DNS rebinding), and would read the answer. The port may be a tunnel's.
 */
function isFromHere({ socket, headers }: IncomingMessage): boolean {
  return isLoopbackAddress(socket.localAddress ?? '') && isLoopbackHost(headers.host ?? '');
}

function text(statusCode: number, body: string): StatusPage {
  return { statusCode, contentType: 'text/plain; charset=utf-8', body: `${body}\n` };
}
