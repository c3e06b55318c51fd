import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { PublicHost } from '../../host/public-host.js';
import type { Logger } from '../../log/logger.js';
import type { TaskLog } from '../../task-log/writer.js';
import type { ConnectionLimiter } from '../../util/connection-limiter.js';
import { errorMessage } from '../../util/error-message.js';
import type { CertificateRenewal } from '../certificate-renewal.js';
import { portOf, startPublicServer } from '../public-server.js';
import type { PublicServer, PublicServerLimits, PublicServerOptions } from '../public-server.js';
import type { EndpointLimits } from './live-log-endpoint.js';
import { LiveLogEndpoint, answer, answerGone, answerTooMany } from './live-log-endpoint.js';

export interface LiveLogServerOptions extends PublicServerOptions {
  /** Where the URLs that are handed out lead. */
  readonly publicHost: PublicHost;
  readonly limits?: Partial<LiveLogLimits>;
}

export interface LiveLogLimits extends EndpointLimits, PublicServerLimits {}

const LIMITS: LiveLogLimits = {
  drainMs: 10 * 60_000,
  redirectMs: 60_000,
  stallMs: 10 * 60_000,
  readersPerLog: 200,
  waiting: 500,
  connections: 2000,
  requestMs: 10_000,
};

const IDLE_CHECK_MS = 50;

/** Ended logs whose token is still known, so that their readers get 404 and not 401. */
const REMEMBERED_LOGS = 2000;

interface ServerParts extends PublicServer {
  readonly limits: LiveLogLimits;
}

/** Serves the logs of all running tasks over one port, each at an address that only its readers know. One per worker. */
export class LiveLogServer {
  readonly #server: Server;
  readonly #limiter: ConnectionLimiter;
  readonly #renewal: CertificateRenewal | undefined;
  readonly #publicHost: PublicHost;
  readonly #log: Logger;
  readonly #limits: LiveLogLimits;
  /** By the SHA-256 of the token: how long a look-up takes says nothing about the tokens there are. */
  readonly #endpoints = new Map<string, LiveLogEndpoint>();
  /** The same of the endpoints that are gone, oldest first. */
  readonly #gone = new Set<string>();

  private constructor({ log, publicHost }: LiveLogServerOptions, { server, limiter, renewal, limits }: ServerParts) {
    this.#server = server;
    this.#limiter = limiter;
    this.#log = log;
    this.#limits = limits;
    this.#publicHost = publicHost;
    this.#renewal = renewal;
    server.on('request', (request, response) => {
      void this.#handle(request, response);
    });
    server.on('error', (error) => {
      this.#log.error('live log server failed', { error: errorMessage(error) });
    });
  }

  /** Listens; fails as the system or the certificate does. */
  static async start(options: LiveLogServerOptions): Promise<LiveLogServer> {
    const limits = { ...LIMITS, ...options.limits };
    return new LiveLogServer(options, { ...(await startPublicServer(options, limits)), limits });
  }

  /** When its certificate ends; undefined without one. */
  async certificateEnd(): Promise<Date | undefined> {
    return await this.#renewal?.end();
  }

  /** The port it listens on. */
  get port(): number {
    return portOf(this.#server);
  }

  /**
   * Offers `log` to readers until the endpoint is told that the run has ended. Its address has a host name that is good
   * until `expires`.
   */
  open(log: TaskLog, expires: Date): LiveLogEndpoint {
    void this.#renewal?.check();
    const token = randomBytes(32).toString('base64url');
    const origin = `${this.#renewal ? 'https' : 'http'}://${this.#publicHost.hostFor(expires)}:${this.port}`;
    const endpoint = new LiveLogEndpoint(`${origin}/log/${token}`, log, this.#log, this.#limits);
    this.#endpoints.set(digest(token), endpoint);
    this.#forgetGone();
    return endpoint;
  }

  /**
   * Takes no new readers and stops: at once when there are none, or else when they have read to the end, at the latest
   * after `graceMs`. Harmless twice.
   */
  async close(graceMs: number): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    // A connection whose reader is done stays open for a while otherwise.
    const tidy = setInterval(() => {
      this.#server.closeIdleConnections();
    }, IDLE_CHECK_MS);
    const cut = setTimeout(() => {
      for (const endpoint of this.#endpoints.values()) endpoint.destroy();
      this.#server.closeAllConnections();
    }, graceMs);
    await closed;
    clearInterval(tidy);
    clearTimeout(cut);
    for (const endpoint of this.#endpoints.values()) endpoint.destroy();
    this.#endpoints.clear();
  }

  /** Of those that are gone only the token stays known, and not for ever. */
  #forgetGone(): void {
    for (const [key, endpoint] of this.#endpoints) {
      if (!endpoint.isGone) continue;
      this.#endpoints.delete(key);
      this.#gone.add(key);
    }
    for (const key of this.#gone) {
      if (this.#gone.size <= REMEMBERED_LOGS) return;
      this.#gone.delete(key);
    }
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await this.#route(request, response);
    } catch (error) {
      this.#log.error('live log request failed', { error: errorMessage(error) });
      response.destroy();
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [, token] = /^\/log\/([^?]*)/.exec(request.url ?? '') ?? [];
    if (token === undefined) {
      answer(response, 404, 'Not found');
      return;
    }
    const key = digest(token);
    const endpoint = this.#endpoints.get(key);
    if (!endpoint && !this.#gone.has(key)) {
      answer(response, 401, 'Access denied');
    } else if (request.method !== 'GET' && request.method !== 'HEAD') {
      answer(response, 405, 'Only GET and HEAD', { Allow: 'GET, HEAD' });
    } else if (!endpoint) {
      answerGone(response);
    } else {
      const release = this.#limiter.hold(request.socket);
      if (release) await endpoint.serve(request, response.once('close', release));
      else answerTooMany(response);
    }
  }
}

function digest(token: string): string {
  return createHash('sha256').update(token).digest('base64');
}
