import type { Agent, IncomingMessage } from 'node:http';
import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { pipeline } from 'node:stream/promises';
import { ServiceError, isRetryable } from '../../outcome/service-error.js';
import { errorMessage } from '../../util/error-message.js';
import { retry } from '../../util/retry.js';
import type { RetryPolicy } from '../../util/retry.js';
import type { Headers } from './headers.js';
import type { RequestBody } from './request-body.js';
import { BodyTooLarge } from './request-body.js';

export interface UpstreamRequest {
  readonly url: string;
  readonly method: string;
  readonly headers: Headers;
  /** Made anew for each attempt: credentials may have been replaced since the one before. */
  readonly authorize: () => string;
  readonly body: RequestBody;
}

export interface UpstreamOptions {
  readonly retryPolicy?: RetryPolicy;
  /** How long a connection may stand still. */
  readonly inactivityMs?: number;
}

// A task waits for it, and its own client may try again.
const RETRY_POLICY: RetryPolicy = { attempts: 5, firstDelayMs: 500, maxDelayMs: 10_000, randomization: 0.25 };
// Longer than the longest poll of a service.
const INACTIVITY_MS = 120_000;

/**
 * The way to the deployment's services, for all proxies of the worker. By node's own client, as got takes an address apart
 * and writes it anew, which a signature does not survive, and adds headers of its own (docs/adr/0007).
 */
export class Upstream {
  readonly #agents = { http: new HttpAgent({ keepAlive: true }), https: new HttpsAgent({ keepAlive: true }) };
  readonly #policy: RetryPolicy;
  readonly #inactivityMs: number;

  constructor({ retryPolicy = RETRY_POLICY, inactivityMs = INACTIVITY_MS }: UpstreamOptions = {}) {
    this.#policy = retryPolicy;
    this.#inactivityMs = inactivityMs;
  }

  /**
   * Sends a request and returns its answer, of whatever status, with the body still to be read; redirects are not
   * followed. Answers of 500 and more and broken connections are tried again unless the body is gone; fails with the
   * error of the last attempt, with BodyTooLarge, or with the signal's reason, which ends the answer too.
   */
  async send(request: UpstreamRequest, signal: AbortSignal): Promise<IncomingMessage> {
    const { body } = request;
    const policy = body.kind === 'held' ? this.#policy : { ...this.#policy, attempts: 1 };
    const attempt = async (number: number): Promise<IncomingMessage> => {
      const response = await this.#sendOnce(request, signal);
      const { statusCode = 0 } = response;
      if (statusCode < 500 || number >= policy.attempts) return response;
      response.destroy();
      throw new ServiceError('taskcluster', `the service answered ${statusCode}`, statusCode);
    };
    return await retry(policy, { isRetryable }, attempt, signal);
  }

  close(): void {
    this.#agents.http.destroy();
    this.#agents.https.destroy();
  }

  #sendOnce({ url, method, headers, authorize, body }: UpstreamRequest, signal: AbortSignal): Promise<IncomingMessage> {
    const isSecure = url.startsWith('https:');
    const { hostname, port, origin } = new URL(url);
    // A kept connection may turn out to be closed, which is no matter only if the body can be sent again.
    const agent: Agent | false = body.kind === 'held' && (isSecure ? this.#agents.https : this.#agents.http);
    const options = {
      hostname: hostname.replace(/^\[(.*)\]$/, '$1'),
      ...(port !== '' && { port }),
      // As it was signed, to the letter.
      path: url.slice(origin.length),
      method,
      headers: { ...headers, ...lengthOf(method, body), authorization: authorize() },
      agent,
      signal,
      // Set here and not on the request: that one would begin only once there is a connection.
      timeout: this.#inactivityMs,
    };
    return new Promise((resolve, reject) => {
      const outgoing = isSecure ? httpsRequest(options) : httpRequest(options);
      outgoing.on('timeout', () => {
        // After so long a silence trying again would keep the task waiting for nothing.
        const message = `nothing was heard for ${this.#inactivityMs / 1000} s`;
        outgoing.destroy(new ServiceError('taskcluster', message, undefined, { retryable: false }));
      });
      outgoing.once('response', resolve);
      outgoing.on('error', (error) => {
        reject(connectionError(error));
      });
      if (body.kind === 'held') outgoing.end(body.content);
      // After an answer nobody waits for the rest of the body.
      else pipeline(body.content, outgoing).catch(reject);
    });
  }
}

function connectionError(error: Error): Error {
  const isOurs = error instanceof ServiceError || error instanceof BodyTooLarge;
  return isOurs ? error : new ServiceError('taskcluster', errorMessage(error), undefined, { cause: error });
}

function lengthOf(method: string, body: RequestBody): Readonly<Record<string, string>> {
  if (body.kind === 'passing') {
    return body.length === undefined ? { 'transfer-encoding': 'chunked' } : { 'content-length': String(body.length) };
  }
  const isBare = body.content.length === 0 && ['GET', 'HEAD', 'DELETE', 'OPTIONS'].includes(method);
  return isBare ? {} : { 'content-length': String(body.content.length) };
}
