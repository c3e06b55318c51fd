import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { answerHalfClosed } from '../util/answer-half-closed.js';
import { ConnectionLimiter } from '../util/connection-limiter.js';
import { errorMessage } from '../util/error-message.js';
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
    response.writeHead(page.statusCode, { 'content-type': page.contentType, 'cache-control': 'no-store' });
    response.end(request.method === 'HEAD' ? undefined : page.body);
  }

  async #page({ url = '', method = '' }: IncomingMessage, response: ServerResponse): Promise<StatusPage> {
    const { pages, log } = this.#options;
    const [path = ''] = url.split('?');
    const page = Object.hasOwn(pages, path) ? pages[path] : undefined;
    if (!page) return text(404, `Not found. Available: ${Object.keys(pages).join(', ')}.`);
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

function text(statusCode: number, body: string): StatusPage {
  return { statusCode, contentType: 'text/plain; charset=utf-8', body: `${body}\n` };
}
