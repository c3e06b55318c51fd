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
  /** Called for each attempt: credentials may have been replaced since the last one. */
  readonly authorize: () => string;
  readonly body: RequestBody;
}

export interface UpstreamOptions {
  readonly retryPolicy?: RetryPolicy;
  /** How long a connection may be idle, in ms. */
  readonly inactivityMs?: number;
}

// A task waits for the response, and its own client may retry.
const RETRY_POLICY: RetryPolicy = { attempts: 5, firstDelayMs: 500, maxDelayMs: 10_000, randomization: 0.25 };
// Longer than the longest poll of a service.
const INACTIVITY_MS = 120_000;

/**
 * Sends requests to the deployment's services, for all proxies of the worker. Uses node's own client, because got
 * rewrites the address, which breaks the signature, and adds its own headers (docs/adr/0007).
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
   * Sends a request and returns the response, with any status and its body unread; does not follow redirects. Retries
   * after a status of 500 or more or a broken connection, unless the body was streamed. Throws the error of the last
   * attempt, BodyTooLarge, or the signal's reason; the signal also ends the response.
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
    // A kept-alive connection may turn out to be closed, so it is used only if the body can be resent.
    const agent: Agent | false = body.kind === 'held' && (isSecure ? this.#agents.https : this.#agents.http);
    const options = {
      hostname: hostname.replace(/^\[(.*)\]$/, '$1'),
      ...(port !== '' && { port }),
      // Exactly as it was signed.
      path: url.slice(origin.length),
      method,
      headers: { ...headers, ...lengthOf(method, body), authorization: authorize() },
      agent,
      signal,
      // Set here and not on the request, where it would begin only once there is a connection.
      timeout: this.#inactivityMs,
    };
    return new Promise((resolve, reject) => {
      const outgoing = isSecure ? httpsRequest(options) : httpRequest(options);
      outgoing.on('timeout', () => {
        // After such a long silence a retry would only keep the task waiting.
        const message = `nothing was heard for ${this.#inactivityMs / 1000} s`;
        outgoing.destroy(new ServiceError('taskcluster', message, undefined, { retryable: false }));
      });
      outgoing.once('response', resolve);
      outgoing.on('error', (error) => {
        reject(connectionError(error));
      });
      if (body.kind === 'held') outgoing.end(body.content);
      // After the response, the rest of the body no longer matters.
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
