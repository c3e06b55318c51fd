import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { Logger } from '../../log/logger.js';
import type { RequestSigner } from '../../queue/request-signer.js';
import { errorMessage } from '../../util/error-message.js';
import { LinkedAbort } from '../../util/linked-abort.js';
import { requestHeaders, responseHeaders } from './headers.js';
import { BodyTooLarge, readBody } from './request-body.js';
import { signableUrl, targetOf } from './target.js';
import type { Upstream } from './upstream.js';

export interface ProxyRequestsOptions {
  /** Without a trailing slash. */
  readonly rootUrl: string;
  readonly signer: RequestSigner;
  readonly scopes: readonly string[];
  readonly upstream: Pick<Upstream, 'send'>;
  readonly version: string;
  readonly log: Logger;
  readonly maxBodyBytes: number;
}

const MAX_URL_BYTES = 16 * 1024;
const BEWIT_SECONDS = 3600;
// Many clients accept at most 8 or 16 KiB of headers.
const MAX_SCOPES_LENGTH = 4096;

/** Handles one task's requests: signs and forwards those to the deployment's services, and refuses others. */
export class ProxyRequests {
  readonly #options: ProxyRequestsOptions;

  constructor(options: ProxyRequestsOptions) {
    this.#options = options;
  }

  /** Handles a request. Never throws. */
  async handle(request: IncomingMessage, response: ServerResponse, signal: AbortSignal): Promise<void> {
    const limit = new LinkedAbort(signal);
    response.once('close', () => {
      limit.abort(new Error('the task closed the connection'));
    });
    try {
      await this.#route(request, response, limit.signal);
    } catch (error) {
      this.#refuse(request, response, error);
    } finally {
      limit.dispose();
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse, signal: AbortSignal): Promise<void> {
    const { url: path = '' } = request;
    if (/^\/bewit(?:[/?]|$)/.test(path)) {
      await this.#signUrl(request, response);
      return;
    }
    const url = targetOf(path, this.#options.rootUrl);
    if (url === undefined) {
      answer(response, 404, 'Unknown taskcluster service: paths are /api/<service>/<version>/<path>.');
      return;
    }
    await this.#passOn(request, response, url, signal);
  }

  async #signUrl(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { signer, rootUrl } = this.#options;
    if (request.method !== 'POST') {
      answer(response, 405, 'Method not allowed. POST a URL as the body.', { Allow: 'POST' });
      return;
    }
    const body = await readBody(request, MAX_URL_BYTES);
    const url = body.kind === 'held' ? signableUrl(body.content.toString('utf8').trim(), rootUrl) : undefined;
    if (url === undefined) {
      answer(response, 400, `The body must be a URL that begins with ${rootUrl}/.`);
      return;
    }
    const signed = signer.signedUrl(url, BEWIT_SECONDS);
    response.writeHead(303, { Location: signed, 'Content-Type': 'text/plain; charset=utf-8' });
    response.end(signed);
  }

  async #passOn(request: IncomingMessage, response: ServerResponse, url: string, signal: AbortSignal): Promise<void> {
    const { signer, upstream, log, maxBodyBytes } = this.#options;
    const { method = 'GET' } = request;
    const body = await readBody(request, maxBodyBytes);
    const hasBody = body.kind === 'passing' || body.content.length > 0;
    const headers = requestHeaders(request, hasBody);
    const authorize = (): string => signer.authorization(method, url);
    const answered = await upstream.send({ url, method, headers, authorize, body }, signal);
    const { statusCode = 502 } = answered;
    log.debug('taskcluster proxy request', { method, url: url.replace(/\?.*/, ''), statusCode });
    response.writeHead(statusCode, { ...asHeaders(responseHeaders(answered)), ...this.#ownHeaders(url) });
    await pipeline(answered, response);
  }

  #ownHeaders(url: string): Readonly<Record<string, string>> {
    const { version, scopes } = this.#options;
    const scopesJson = JSON.stringify(scopes);
    const fitsHeader = scopesJson.length <= MAX_SCOPES_LENGTH && /^[\x20-\x7e]*$/.test(scopesJson);
    return {
      'X-Taskcluster-Endpoint': url,
      'X-Taskcluster-Proxy-Version': version,
      ...(fitsHeader && { 'X-Taskcluster-Authorized-Scopes': scopesJson }),
    };
  }

  #refuse({ method, socket }: IncomingMessage, response: ServerResponse, error: unknown): void {
    // A response that has begun can only be broken off, so that the task does not take it as complete.
    if (response.headersSent || socket.destroyed) response.destroy();
    else if (error instanceof BodyTooLarge) answer(response, 413, error.message);
    else {
      this.#options.log.info('taskcluster proxy request failed', { method, error });
      answer(response, 500, `Failed during proxy request: ${errorMessage(error)}`);
    }
  }
}

/** Responds with a short text and closes the connection, which may still hold an unread body. */
function answer(response: ServerResponse, statusCode: number, text: string, headers = {}): void {
  response.writeHead(statusCode, { 'Content-Type': 'text/plain; charset=utf-8', Connection: 'close', ...headers });
  response.end(`${text}\n`);
}

function asHeaders(headers: ReturnType<typeof responseHeaders>): Record<string, string[]> {
  return Object.fromEntries(Object.entries(headers).map(([name, values]) => [name, [...values]]));
}
