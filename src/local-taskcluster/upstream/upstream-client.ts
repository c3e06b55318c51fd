import type { IncomingHttpHeaders } from 'node:http';
import { once } from 'node:events';
import got, { RequestError } from 'got';
import type { Request, Response } from 'got';
import type { Credentials } from '../../lib/queue/queue-client.js';
import { RequestSigner } from '../../lib/queue/request-signer.js';
import { retry } from '../../lib/util/retry.js';
import { shorten } from '../../lib/util/shorten.js';
import { trimEnd } from '../../lib/util/trim-end.js';
import { ApiError } from '../http/api-error.js';

/** A deployment that is read, and how. */
export interface UpstreamOptions {
  readonly rootUrl: string;
  /** By default it is asked without credentials, as everyone may. */
  readonly credentials?: Credentials;
  /** Directory where the contents of its artifacts are kept; by default they are not. */
  readonly cacheDir?: string;
  /** Whether its secrets are read too; by default they are not. */
  readonly secrets?: boolean;
}

export interface UpstreamRequest {
  /** `<service>.<method>`, for messages. */
  readonly call: string;
  /** The path below the root URL, with the query; encoded. */
  readonly path: string;
  /** The body of a POST; without it, the request is a GET. */
  readonly body?: object;
  /** The scopes that the call needs: it is made with these and no others. */
  readonly scopes: readonly string[];
}

interface UpstreamAnswer {
  /** Below 500, and neither 401, 403 nor 429. */
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** The parsed body; undefined if it is not JSON. */
  readonly body: unknown;
}

/** An object of an answer, as parsed: nothing in it is checked. */
export type Json = Readonly<Record<string, unknown>>;

const TIMEOUT_MS = 30_000;
const RETRIES = { attempts: 3, firstDelayMs: 300, maxDelayMs: 3000, randomization: 0.25 };
// A page of a thousand tasks has several megabytes.
const MOST_BYTES = 64 * 1024 * 1024;
const LONGEST_MESSAGE = 300;
const SHOWN_SCOPES = 3;
const TOO_MANY_REQUESTS = 429;

/** A failure that another attempt may overcome. Its message tells the rest of the sentence `… failed: `. */
class PassingFailure extends Error {}

/** Reads another deployment: GETs, and POSTs that only read. Its errors contain no credentials or signed addresses. */
export class UpstreamClient {
  readonly rootUrl: string;
  readonly #credentials: Credentials | undefined;

  /** Throws an Error when the root URL or the credentials can't be right. */
  constructor({ rootUrl, credentials }: UpstreamOptions) {
    const { protocol } = URL.canParse(rootUrl) ? new URL(rootUrl) : { protocol: '' };
    if (protocol !== 'http:' && protocol !== 'https:') {
      throw new Error(`the upstream ${JSON.stringify(rootUrl)} is not a root URL: give an address with http or https`);
    }
    this.rootUrl = trimEnd(rootUrl, '/');
    this.#credentials = credentials;
    if (credentials?.certificate !== undefined && !isJson(credentials.certificate)) {
      throw new Error(`the certificate of the credentials for ${this.rootUrl} is not JSON`);
    }
  }

  /** The client id of the given credentials; undefined without any. */
  get clientId(): string | undefined {
    return this.#credentials?.clientId;
  }

  /** Returns the parsed answer; undefined for a 404. Throws an ApiError for every other refusal or failure. */
  async json(request: UpstreamRequest, signal: AbortSignal): Promise<Json | undefined> {
    const { status, body } = await this.ask(request, signal);
    if (status === 404) return undefined;
    if (status === 200 && isObject(body)) return body;
    if (status === 200) throw this.failure(request.call, 'its answer is not JSON: is it a Taskcluster deployment?');
    const code = status === 410 ? 'ResourceExpired' : 'InputError';
    if (status < 400) throw this.failure(request.call, `it answered ${status}`);
    throw new ApiError(code, `${this.rootUrl} answered ${status} to ${request.call}. ${messageIn(body)}`.trimEnd());
  }

  /**
   * Returns the answer, without following redirects. Throws an ApiError: InsufficientScopes when the call is not
   * allowed, and BadGateway when there is no answer.
   */
  async ask(request: UpstreamRequest, signal: AbortSignal): Promise<UpstreamAnswer> {
    const isRetryable = (error: unknown): boolean => error instanceof PassingFailure;
    try {
      const answer = await retry(RETRIES, { isRetryable }, () => this.#askOnce(request, signal), signal);
      if (answer.status === 401 || answer.status === 403) throw this.#refusal(request);
      return answer;
    } catch (error) {
      throw error instanceof PassingFailure ? this.failure(request.call, error.message) : error;
    }
  }

  /** Returns the error for a call without a useful answer. */
  failure(call: string, problem: string): ApiError {
    const asked = `${this.rootUrl} was asked for ${call}, as what is looked for is not in the local Taskcluster`;
    return new ApiError('BadGateway', `${asked}, but ${problem}.`);
  }

  #refusal({ call, scopes }: UpstreamRequest): ApiError {
    const more = scopes.length > SHOWN_SCOPES ? ` and ${scopes.length - SHOWN_SCOPES} more` : '';
    const needed = `${scopes.slice(0, SHOWN_SCOPES).join(', ')}${more}`;
    const why = this.#credentials
      ? `the credentials given for it do not have ${needed}, or are not valid`
      : `it needs ${needed}, and no credentials are given for that deployment`;
    return new ApiError('InsufficientScopes', `${this.rootUrl} refuses ${call}: ${why}.`);
  }

  async #askOnce({ path, body, scopes }: UpstreamRequest, signal: AbortSignal): Promise<UpstreamAnswer> {
    const url = `${this.rootUrl}${path}`;
    const method = body ? 'POST' : 'GET';
    const stream = got.stream(url, {
      method,
      headers: {
        ...(body && { 'content-type': 'application/json' }),
        ...(this.#credentials && { authorization: this.#authorization(method, url, scopes) }),
      },
      ...(body && { body: JSON.stringify(body) }),
      followRedirect: false,
      throwHttpErrors: false,
      retry: { limit: 0 },
      timeout: { request: TIMEOUT_MS },
      signal,
    });
    // Failures are handled where the answer is awaited and where its body is read.
    stream.on('error', () => undefined);
    try {
      const [{ statusCode, headers }] = (await once(stream, 'response')) as [Response];
      const text = await textOf(stream);
      if (statusCode >= 500 || statusCode === TOO_MANY_REQUESTS) throw new PassingFailure(`it answered ${statusCode}`);
      return { status: statusCode, headers, body: parsed(text) };
    } catch (error) {
      signal.throwIfAborted();
      // No cause is passed on: got's errors contain the credentials in their options.
      if (error instanceof RequestError) throw new PassingFailure(problemOf(error));
      throw error;
    } finally {
      stream.destroy();
    }
  }

  #authorization(method: string, url: string, scopes: readonly string[]): string {
    if (!this.#credentials) throw new Error('there are no credentials');
    return new RequestSigner({ credentials: { current: this.#credentials }, scopes }).authorization(method, url);
  }
}

async function textOf(stream: Request): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MOST_BYTES) throw new PassingFailure(`its answer has more than ${MOST_BYTES / 1024 ** 2} MiB`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function problemOf({ code }: RequestError): string {
  return code === 'ETIMEDOUT' ? `there was no answer in ${TIMEOUT_MS / 1000} s` : `the connection failed (${code})`;
}

/** Returns the part of a service's error message that is for people. */
function messageIn(body: unknown): string {
  const message = isObject(body) ? body['message'] : undefined;
  if (typeof message !== 'string') return '';
  return shorten((message.split('\n---', 1)[0] ?? '').trim(), LONGEST_MESSAGE);
}

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function isJson(text: string): boolean {
  return parsed(text) !== undefined;
}
