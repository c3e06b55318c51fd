import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import type { Logger } from '../../log/logger.js';
import { errorMessage } from '../../util/error-message.js';
import { SecretUrlServer, newToken } from '../secret-url-server.js';
import type { SecretUrlLimits, SecretUrlServerOptions } from '../secret-url-server.js';
import { Keepalive } from './keepalive.js';

export interface InteractiveServerOptions extends SecretUrlServerOptions {
  readonly limits?: Partial<InteractiveLimits>;
}

export interface InteractiveLimits extends SecretUrlLimits {
  /** Largest message, in bytes; a longer one closes its connection. */
  readonly messageBytes: number;
  /** How often clients are pinged. */
  readonly pingMs: number;
  /** How long a client may take for the closing handshake. */
  readonly closeMs: number;
}

/** A connection with a valid address. */
export interface Connection {
  readonly socket: WebSocket;
  readonly query: URLSearchParams;
  readonly remoteAddress: string;
}

/** A task's handlers for connections and requests with a valid address. */
export interface TaskHandlers {
  /** Handles a connection that requests a shell. */
  readonly shell: (connection: Connection) => void;
  /** Absent if there are no displays. */
  readonly displays?: {
    /** Handles a connection that requests a display. */
    readonly connect: (connection: Connection) => void;
    /** Returns the JSON list of displays. Throws an error with a message if they can't be listed. */
    readonly list: () => Promise<unknown>;
  };
}

/** What the addresses of one run are made of. JSON, and as secret as they are. */
export interface RunAddresses {
  /** `https://host:port`, or http. */
  readonly origin: string;
  readonly tokens: Readonly<Record<TokenKind, string>>;
}

/**
 * The addresses of one run. Each contains a secret: the shell's gives full access to the container, the displays' only
 * to their screens and input.
 */
export interface ShellEndpoint {
  readonly url: string;
  /** A WebSocket address. */
  readonly displayUrl: string;
  /** An HTTP address. */
  readonly displaysUrl: string;
  /** Stops accepting connections. */
  readonly close: () => void;
}

const LIMITS: InteractiveLimits = {
  waiting: 500,
  connections: 1000,
  requestMs: 10_000,
  // A client of version 1 sends each write as a single message.
  messageBytes: 32 * 1024 * 1024,
  pingMs: 30_000,
  closeMs: 5000,
};

const PATHS = { shell: 'shell.sock', display: 'display.sock', displays: 'displays' } as const;
/** The paths that each kind of token opens. */
const OPENS: Readonly<Record<TokenKind, readonly string[]>> = {
  shell: [PATHS.shell],
  displays: [PATHS.display, PATHS.displays],
};
const ADDRESS = /^\/(?<token>[^/?]+)\/(?<path>shell\.sock|display\.sock|displays)(?:\?(?<query>.*))?$/;

const HEADERS = { 'X-Content-Type-Options': 'nosniff', 'Cache-Control': 'no-store', Connection: 'close' } as const;

type TokenKind = 'shell' | 'displays';

/** The target of a token. */
interface Opened {
  readonly side: TaskHandlers;
  readonly kind: TokenKind;
}

/** Serves the shells and displays of all interactive tasks over one port. One per worker. */
export class InteractiveServer {
  readonly #urls: SecretUrlServer<Opened>;
  readonly #sockets: WebSocketServer;
  readonly #keepalive: Keepalive;

  private constructor(urls: SecretUrlServer<Opened>, log: Logger, limits: InteractiveLimits) {
    this.#urls = urls;
    const { messageBytes: maxPayload, closeMs: closeTimeout } = limits;
    // A variable, because the types of ws lack closeTimeout.
    const socketOptions = { noServer: true, perMessageDeflate: false, maxPayload, closeTimeout } as const;
    this.#sockets = new WebSocketServer(socketOptions);
    this.#keepalive = new Keepalive(limits.pingMs);
    urls.http.on('request', (request, response) => {
      this.#answer(request, response);
    });
    urls.http.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      this.#upgrade(request, socket, head);
    });
    urls.http.on('error', (error) => {
      log.error('interactive server failed', { error: errorMessage(error) });
    });
  }

  /** Starts listening. Throws if it can't listen, or can't use the certificate. */
  static async start(options: InteractiveServerOptions): Promise<InteractiveServer> {
    const limits = { ...LIMITS, ...options.limits };
    return new InteractiveServer(await SecretUrlServer.start(options, limits), options.log, limits);
  }

  /** Returns when its certificate expires; undefined without one. */
  async certificateEnd(): Promise<Date | undefined> {
    return await this.#urls.certificateEnd();
  }

  get port(): number {
    return this.#urls.port;
  }

  /** Returns new secret addresses, with a host name that is valid until `expires`. Nothing answers there before `open`. */
  newAddresses(expires: Date): RunAddresses {
    return { origin: this.#urls.origin(expires), tokens: { shell: newToken(), displays: newToken() } };
  }

  /**
   * Has `side` handle the connections to the addresses of a run. These may be another worker's: their secrets stay
   * valid, and they stay the same if this server listens on the port in them. Otherwise their host name is new, and
   * valid until `expires`.
   */
  open(side: TaskHandlers, expires: Date, addresses = this.newAddresses(expires)): ShellEndpoint {
    const urls = this.#urls;
    const { tokens } = addresses;
    const http = urls.isOwnUrl(addresses.origin) ? addresses.origin : urls.origin(expires);
    const webSocket = http.replace('http', 'ws');
    urls.open(tokens.shell, { side, kind: 'shell' });
    urls.open(tokens.displays, { side, kind: 'displays' });
    return {
      url: `${webSocket}/${tokens.shell}/${PATHS.shell}`,
      displayUrl: `${webSocket}/${tokens.displays}/${PATHS.display}`,
      displaysUrl: `${http}/${tokens.displays}/${PATHS.displays}`,
      close: () => {
        for (const token of Object.values(tokens)) urls.expire(token);
      },
    };
  }

  /** Closes all connections. May be called twice. */
  async close(): Promise<void> {
    this.#keepalive.stop();
    await this.#urls.close();
  }

  #find(url = ''): { readonly side: TaskHandlers; readonly path: string; readonly query: string } | undefined {
    const { token, path = '', query = '' } = ADDRESS.exec(url)?.groups ?? {};
    const opened = token === undefined ? undefined : this.#urls.find(token);
    if (opened === undefined || opened === 'expired' || !OPENS[opened.kind].includes(path)) return undefined;
    return { side: opened.side, path, query };
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const found = this.#find(request.url);
    if (found?.path === PATHS.displays) {
      const release = this.#urls.hold(request);
      if (release) response.once('close', release);
      void answerDisplays(response, release ? found.side : undefined);
      return;
    }
    const isKnown = found !== undefined;
    const text = isKnown
      ? 'This address accepts only WebSocket connections.\n'
      : 'The shell does not exist, or its task has ended.\n';
    response.writeHead(isKnown ? 426 : 404, {
      ...HEADERS,
      'Content-Type': 'text/plain; charset=utf-8',
      ...(isKnown && { Upgrade: 'websocket' }),
    });
    response.end(text);
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // Until it is a WebSocket, its errors have no other listener.
    const ignore = (): void => undefined;
    socket.on('error', ignore);
    const found = this.#find(request.url);
    const onConnection = found && connectionHandler(found.side, found.path);
    if (!onConnection) {
      refuseUpgrade(socket, '404 Not Found');
      return;
    }
    const release = this.#urls.hold(request);
    if (!release) {
      refuseUpgrade(socket, '503 Service Unavailable');
      return;
    }
    // An upgraded connection is held until it closes.
    socket.once('close', release);
    this.#sockets.handleUpgrade(request, socket, head, (webSocket) => {
      socket.off('error', ignore);
      this.#keepalive.watch(webSocket, request.socket);
      const remoteAddress = request.socket.remoteAddress ?? '';
      onConnection({ socket: webSocket, query: new URLSearchParams(found.query), remoteAddress });
    });
  }
}

function refuseUpgrade(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => socket.destroy());
}

function connectionHandler(side: TaskHandlers, path: string): ((connection: Connection) => void) | undefined {
  if (path === PATHS.shell) return side.shell;
  return path === PATHS.display ? side.displays?.connect : undefined;
}

/** Responds with the list of displays. The requesting page is the deployment's, so it needs CORS to read it. */
async function answerDisplays(response: ServerResponse, side: TaskHandlers | undefined): Promise<void> {
  const headers = { ...HEADERS, 'Content-Type': 'application/json', 'Access-Control-Allow-Origin': '*' };
  const answer = (status: number, content: unknown): void => {
    response.writeHead(status, headers);
    response.end(JSON.stringify(content));
  };
  if (!side) {
    answer(503, { message: 'Too many connections.' });
    return;
  }
  const { displays } = side;
  if (!displays) {
    answer(404, { message: 'This worker has no displays.' });
    return;
  }
  try {
    answer(200, await displays.list());
  } catch (error) {
    answer(500, { message: `The displays could not be listed: ${errorMessage(error)}` });
  }
}
