import { once, setMaxListeners } from 'node:events';
import type { Server } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from '../../log/logger.js';
import { answerHalfClosed } from '../../util/answer-half-closed.js';
import { ConnectionLimiter } from '../../util/connection-limiter.js';
import type { ProxyRequests } from './proxy-requests.js';

export interface ProxyServerOptions {
  readonly address: string;
  readonly port: number;
  /** Returns whether a connection from this address is the task's. */
  readonly isTask: (address: string) => boolean;
  readonly requests: Pick<ProxyRequests, 'handle'>;
  readonly log: Logger;
}

const LIMITS = { waiting: 64, held: 64 } as const;

const HTTP_OPTIONS = {
  maxHeaderSize: 32 * 1024,
  headersTimeout: 30_000,
  // Includes the whole body.
  requestTimeout: 10 * 60_000,
  keepAliveTimeout: 60_000,
  connectionsCheckingInterval: 10_000,
  // A vanished client may look like one that has closed only its half; the kernel detects the difference.
  keepAlive: true,
  keepAliveInitialDelay: 30_000,
} as const;

/** The listening proxy of one task. Connections from elsewhere are closed before a byte is read. */
export class ProxyServer {
  readonly #server: Server;
  readonly #end = new AbortController();

  private constructor(server: Server) {
    this.#server = server;
    // Each active request adds a listener.
    setMaxListeners(0, this.#end.signal);
  }

  /** Starts listening. Throws the system's error if it can't. */
  static async start({ address, port, isTask, requests, log }: ProxyServerOptions): Promise<ProxyServer> {
    const server = createServer(HTTP_OPTIONS);
    const proxy = new ProxyServer(server);
    answerHalfClosed(server);
    let isReported = false;
    // Other containers and the machine itself can reach the network's address.
    server.on('connection', (socket) => {
      const { remoteAddress = '' } = socket;
      if (isTask(remoteAddress)) return;
      socket.destroy();
      if (!isReported) log.warn('taskcluster proxy refused client', { address: remoteAddress });
      isReported = true;
    });
    const limiter = new ConnectionLimiter(server, LIMITS);
    server.on('request', (request, response) => {
      const release = limiter.hold(request.socket);
      if (!release) {
        response.writeHead(503, { 'Retry-After': '1', Connection: 'close' });
        response.end(`Too many concurrent requests: the limit is ${LIMITS.held}.\n`);
        return;
      }
      response.once('close', release);
      void requests.handle(request, response, proxy.#end.signal);
    });
    server.listen(port, address);
    await once(server, 'listening');
    server.on('error', (error) => {
      log.error('taskcluster proxy failed', { error });
    });
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Stops the proxy and all active requests. */
  async dispose(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#end.abort(new Error('the task has ended'));
    this.#server.closeAllConnections();
    await closed;
  }
}
