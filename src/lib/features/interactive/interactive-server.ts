import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
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

/** The address of one run's shell. */
export interface ShellEndpoint {
  /** It holds the secret: whoever has it has the container. */
  readonly url: string;
  readonly token: string;
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

const SHELL_PATH = /^\/(?<token>[^/?]+)\/shell\.sock(?:\?(?<query>.*))?$/;

interface ServerParts {
  readonly limits: InteractiveLimits;
  readonly renewal: CertificateRenewal | undefined;
}

/** Where the shells of all interactive tasks are reached, over one port. One per worker. */
export class InteractiveServer {
  readonly #server: Server;
  readonly #publicHost: PublicHost;
  readonly #renewal: CertificateRenewal | undefined;
  readonly #sockets: WebSocketServer;
  readonly #keepalive: Keepalive;
  /** By the SHA-256 of the token: how long a look-up takes says nothing about the tokens there are. */
  readonly #endpoints = new Map<string, (connection: Connection) => void>();

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

  /**
   * An address that only those know whom it is told, with a host name that is good until `expires`. `onConnection` gets
   * whoever connects to it.
   */
  open(onConnection: (connection: Connection) => void, expires: Date): ShellEndpoint {
    void this.#renewal?.check();
    const token = newToken();
    const origin = `${this.#renewal ? 'wss' : 'ws'}://${this.#publicHost.hostFor(expires)}:${this.port}`;
    const url = `${origin}/${token}/shell.sock`;
    this.#endpoints.set(digest(token), onConnection);
    return { url, token, close: () => void this.#endpoints.delete(digest(token)) };
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

  #find(url = ''): { readonly query: string; readonly onConnection: (connection: Connection) => void } | undefined {
    const { token, query = '' } = SHELL_PATH.exec(url)?.groups ?? {};
    const onConnection = token === undefined ? undefined : this.#endpoints.get(digest(token));
    return onConnection && { query, onConnection };
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const isKnown = this.#find(request.url) !== undefined;
    const text = isKnown ? 'This is the address of a WebSocket.\n' : 'There is no such shell, or its task has ended.\n';
    response.writeHead(isKnown ? 426 : 404, {
      'Content-Type': 'text/plain; charset=utf-8',
      'X-Content-Type-Options': 'nosniff',
      'Cache-Control': 'no-store',
      Connection: 'close',
      ...(isKnown && { Upgrade: 'websocket' }),
    });
    response.end(text);
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // Before it is a WebSocket nobody else hears of its errors.
    const ignore = (): void => undefined;
    socket.on('error', ignore);
    const found = this.#find(request.url);
    if (!found) {
      socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n', () => socket.destroy());
      return;
    }
    this.#sockets.handleUpgrade(request, socket, head, (webSocket) => {
      socket.off('error', ignore);
      this.#keepalive.watch(webSocket, request.socket);
      const remoteAddress = request.socket.remoteAddress ?? '';
      found.onConnection({ socket: webSocket, query: new URLSearchParams(found.query), remoteAddress });
    });
  }
}

function digest(token: string): string {
  return createHash('sha256').update(token).digest('base64');
}
