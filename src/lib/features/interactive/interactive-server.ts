import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, OutgoingHttpHeaders, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { v4 as newToken } from 'slugid';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import type { PublicHost } from '../../host/public-host.js';
import { errorMessage } from '../../util/error-message.js';
import type { CertificateRenewal } from '../certificate-renewal.js';
import { portOf, startPublicServer } from '../public-server.js';
import type { PublicServerLimits, PublicServerOptions } from '../public-server.js';
import { Keepalive } from './keepalive.js';

export interface InteractiveServerOptions extends PublicServerOptions {
  /** Where the URLs that are handed out lead. */
  readonly publicHost: PublicHost;
  readonly limits?: Partial<InteractiveLimits>;
}

export interface InteractiveLimits extends PublicServerLimits {
  /** Bytes of a message; one that is longer ends its connection. */
  readonly messageBytes: number;
  /** How often it is asked whether the other side is still there. */
  readonly pingMs: number;
  /** What a client gets to say farewell. */
  readonly closeMs: number;
}

/** Somebody who named the right address. */
export interface Connection {
  readonly socket: WebSocket;
  readonly query: URLSearchParams;
  readonly remoteAddress: string;
}

/** What there is at one address: a WebSocket, or something to be read as JSON (a failure is told in words). */
export type Route =
  | { readonly kind: 'socket'; readonly accept: (connection: Connection) => void }
  | { readonly kind: 'json'; readonly read: () => Promise<unknown> };

/** Addresses of one run that share a secret: whoever has it has what is there. */
export interface Endpoint {
  readonly token: string;
  /** Of one of its routes. */
  urlOf(name: string): string;
  /** Nobody can connect any more. */
  close(): void;
}

const LIMITS: InteractiveLimits = {
  connections: 1000,
  requestMs: 10_000,
  // A client of version 1 sends what it is given at once as one message.
  messageBytes: 32 * 1024 * 1024,
  pingMs: 30_000,
  closeMs: 5000,
};

const PATH = /^\/(?<token>[^/?]+)\/(?<name>[^/?]+)(?:\?(?<query>.*))?$/;
const READS = ['GET', 'HEAD'];

/** By their names, the last part of a path. */
type Routes = ReadonlyMap<string, Route>;

interface Found {
  readonly route: Route;
  readonly query: string;
}

interface ServerParts {
  readonly limits: InteractiveLimits;
  readonly renewal: CertificateRenewal | undefined;
}

/** Where the shells and displays of all interactive tasks are reached, over one port. One per worker. */
export class InteractiveServer {
  readonly #server: Server;
  readonly #publicHost: PublicHost;
  readonly #renewal: CertificateRenewal | undefined;
  readonly #sockets: WebSocketServer;
  readonly #keepalive: Keepalive;
  /** By the SHA-256 of the token: how long a look-up takes says nothing about the tokens there are. */
  readonly #endpoints = new Map<string, Routes>();

  private constructor(server: Server, { publicHost, log }: InteractiveServerOptions, { limits, renewal }: ServerParts) {
    this.#server = server;
    this.#publicHost = publicHost;
    this.#renewal = renewal;
    const { messageBytes: maxPayload, closeMs: closeTimeout } = limits;
    // Typed for a version without closeTimeout.
    const socketOptions = { noServer: true, perMessageDeflate: false, maxPayload, closeTimeout } as const;
    this.#sockets = new WebSocketServer(socketOptions);
    this.#keepalive = new Keepalive(limits.pingMs);
    server.on('request', (request, response) => {
      this.#answer(request, response);
    });
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      this.#upgrade(request, socket, head);
    });
    server.on('error', (error) => {
      log.error('interactive server failed', { error: errorMessage(error) });
    });
  }

  /** Listens; fails as the system or the certificate does. */
  static async start(options: InteractiveServerOptions): Promise<InteractiveServer> {
    const limits = { ...LIMITS, ...options.limits };
    const { server, renewal } = await startPublicServer(options, limits);
    return new InteractiveServer(server, options, { limits, renewal });
  }

  get port(): number {
    return portOf(this.#server);
  }

  /** Addresses that only those know whom they are told, with a host name that is good until `expires`. */
  open(routes: Routes, expires: Date): Endpoint {
    void this.#renewal?.check();
    const token = newToken();
    const secure = this.#renewal ? 's' : '';
    const authority = `${this.#publicHost.hostFor(expires)}:${this.port}`;
    this.#endpoints.set(digest(token), routes);
    return {
      token,
      urlOf: (name) => {
        const scheme = routes.get(name)?.kind === 'json' ? 'http' : 'ws';
        return `${scheme}${secure}://${authority}/${token}/${name}`;
      },
      close: () => void this.#endpoints.delete(digest(token)),
    };
  }

  /** Cuts everybody off. Harmless twice. */
  async close(): Promise<void> {
    this.#keepalive.stop();
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets.clients) socket.terminate();
    this.#server.closeAllConnections();
    await closed;
  }

  #find(url = ''): Found | undefined {
    const { token, name = '', query = '' } = PATH.exec(url)?.groups ?? {};
    const route = token === undefined ? undefined : this.#endpoints.get(digest(token))?.get(name);
    return route && { route, query };
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const route = this.#find(request.url)?.route;
    if (!route) {
      answerText(response, 404, 'There is no such address, or its task has ended.');
    } else if (route.kind === 'socket') {
      answerText(response, 426, 'This is the address of a WebSocket.', { Upgrade: 'websocket' });
    } else if (READS.includes(request.method ?? '')) {
      void answerJson(response, route.read);
    } else {
      answerText(response, 405, 'This can only be read.', { Allow: READS.join(', ') });
    }
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // Before it is a WebSocket nobody else hears of its errors.
    const ignore = (): void => undefined;
    socket.on('error', ignore);
    const { route, query } = this.#find(request.url) ?? {};
    if (route?.kind !== 'socket') {
      socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n', () => socket.destroy());
      return;
    }
    this.#sockets.handleUpgrade(request, socket, head, (webSocket) => {
      socket.off('error', ignore);
      this.#keepalive.watch(webSocket, request.socket);
      const remoteAddress = request.socket.remoteAddress ?? '';
      route.accept({ socket: webSocket, query: new URLSearchParams(query), remoteAddress });
    });
  }
}

function digest(token: string): string {
  return createHash('sha256').update(token).digest('base64');
}

async function answerJson(response: ServerResponse, read: () => Promise<unknown>): Promise<void> {
  try {
    answer(response, 200, 'application/json', JSON.stringify(await read()));
  } catch (error) {
    answerText(response, 500, errorMessage(error));
  }
}

function answerText(response: ServerResponse, status: number, text: string, headers: OutgoingHttpHeaders = {}): void {
  answer(response, status, 'text/plain', `${text}\n`, headers);
}

function answer(
  response: ServerResponse,
  status: number,
  contentType: string,
  body: string,
  headers: OutgoingHttpHeaders = {},
): void {
  response.writeHead(status, {
    'Content-Type': `${contentType}; charset=utf-8`,
    'X-Content-Type-Options': 'nosniff',
    'Cache-Control': 'no-store',
    // Pages of Taskcluster read it from elsewhere; who may is said by the address.
    'Access-Control-Allow-Origin': '*',
    Connection: 'close',
    ...headers,
  });
  response.end(body);
}
