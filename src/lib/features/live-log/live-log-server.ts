import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from '../../log/logger.js';
import type { KnownAddress } from '../../task-log/publisher.js';
import type { TaskLog } from '../../task-log/writer.js';
import { errorMessage } from '../../util/error-message.js';
import { SecretUrlServer, newToken } from '../secret-url-server.js';
import type { SecretUrlLimits, SecretUrlServerOptions } from '../secret-url-server.js';
import type { EndpointLimits } from './live-log-endpoint.js';
import { LiveLogEndpoint, answer, answerTooMany } from './live-log-endpoint.js';

export interface LiveLogServerOptions extends SecretUrlServerOptions {
  readonly limits?: Partial<LiveLogLimits>;
}

export interface LiveLogLimits extends EndpointLimits, SecretUrlLimits {}

const LIMITS: LiveLogLimits = {
  drainMs: 10 * 60_000,
  redirectMs: 60_000,
  stallMs: 10 * 60_000,
  readersPerLog: 200,
  waiting: 500,
  connections: 2000,
  requestMs: 10_000,
};

/** Serves the logs of all running tasks over one port, each at a secret address. One per worker. */
export class LiveLogServer {
  readonly #urls: SecretUrlServer<LiveLogEndpoint>;
  readonly #log: Logger;
  readonly #limits: LiveLogLimits;

  private constructor(urls: SecretUrlServer<LiveLogEndpoint>, log: Logger, limits: LiveLogLimits) {
    this.#urls = urls;
    this.#log = log;
    this.#limits = limits;
    urls.http.on('request', (request, response) => {
      void this.#handle(request, response);
    });
    urls.http.on('error', (error) => {
      log.error('live log server failed', { error: errorMessage(error) });
    });
  }

  /** Starts listening. Throws if it can't listen, or can't use the certificate. */
  static async start(options: LiveLogServerOptions): Promise<LiveLogServer> {
    const limits = { ...LIMITS, ...options.limits };
    return new LiveLogServer(await SecretUrlServer.start(options, limits), options.log, limits);
  }

  /** Returns when its certificate expires; undefined without one. */
  async certificateEnd(): Promise<Date | undefined> {
    return await this.#urls.certificateEnd();
  }

  /** The port it listens on. */
  get port(): number {
    return this.#urls.port;
  }

  /**
   * Serves `log` until the endpoint is told that the run has ended. The host name in its address is valid until
   * `expires`. An address that is `known` from a previous worker is used again if it is one of this server's.
   */
  open(log: TaskLog, expires: Date, known?: KnownAddress): LiveLogEndpoint {
    const previous = known && this.#urls.isOwnUrl(known.url) ? known : undefined;
    const token = previous?.token ?? newToken();
    const endpoint = new LiveLogEndpoint({
      url: previous?.url ?? `${this.#urls.origin(expires)}/log/${token}`,
      log,
      operatorLog: this.#log,
      limits: this.#limits,
      onGone: () => {
        this.#urls.expire(token);
      },
    });
    this.#urls.open(token, endpoint);
    return endpoint;
  }

  /**
   * Stops accepting readers, and stops once all readers have read to the end, at the latest after `graceMs`. May be
   * called twice.
   */
  async close(graceMs: number): Promise<void> {
    await this.#urls.close(graceMs);
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
    const endpoint = this.#urls.find(token);
    if (endpoint === undefined) {
      answer(response, 401, 'Access denied');
    } else if (request.method !== 'GET' && request.method !== 'HEAD') {
      answer(response, 405, 'Method not allowed. Use GET or HEAD.', { Allow: 'GET, HEAD' });
    } else if (endpoint === 'expired') {
      answer(response, 404, 'The task has ended; its log is an artifact of the task.');
    } else {
      const release = this.#urls.hold(request);
      if (release) await endpoint.serve(request, response.once('close', release));
      else answerTooMany(response);
    }
  }
}
