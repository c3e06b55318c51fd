import type { IncomingHttpHeaders } from 'node:http';
import { once } from 'node:events';
import got, { RequestError } from 'got';
import type { Request, Response } from 'got';
import { isRecord } from '../archive/json-of.js';
import { LinkedAbort } from '../../util/linked-abort.js';
import { ServiceError } from '../../outcome/service-error.js';

export interface HttpAnswer {
  readonly statusCode: number;
  readonly headers: IncomingHttpHeaders;
  /** The host after all redirects, without path and signature. */
  readonly host: string;
  /** As sent, without decoding. Read it once; returning early closes the connection. */
  readonly body: AsyncIterable<Buffer>;
}

export interface GetOptions {
  readonly headers: Readonly<Record<string, string>>;
  /**
   * The timeout, for every request of a chain of redirects, of the connection, the response headers, and each chunk; it
   * does not run while the caller processes a chunk.
   */
  readonly inactivityMs: number;
  /** Called when the queue redirects to an address that the artifact's creator chose. */
  readonly onReference?: () => void;
}

/** The header in which the queue states the type of the artifact that it redirects to. */
const STORAGE_TYPE = 'x-taskcluster-artifact-storage-type';
const MAX_ERROR_BYTES = 4096;
const MAX_ERROR_TEXT = 300;

/** About as many as browsers follow; the queue needs one or two. */
const MAX_REDIRECTS = 10;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/**
 * Makes one GET and follows redirects. Throws a ServiceError, also for an answer that is not 2xx; its message contains
 * no address, because those are signed.
 */
export async function httpGet(
  url: string,
  { headers, inactivityMs, onReference }: GetOptions,
  parent: AbortSignal,
): Promise<HttpAnswer> {
  const origin = new URL(url).host;
  let address = new URL(url);
  for (let redirects = 0; ; redirects += 1) {
    const { host } = address;
    const { response, body, close } = await requestOnce(address, headers, inactivityMs, parent);
    const { statusCode } = response;
    if (statusCode < 300) return { statusCode, headers: response.headers, host, body };
    const { location } = response.headers;
    if (!REDIRECTS.has(statusCode) || location === undefined) {
      // Read only from the first host: a redirect could make the worker read what only it can reach.
      const error = await refusal(response, host, host === origin ? body : undefined);
      close();
      throw error;
    }
    // The body of a redirect is of no use, and may be endless.
    close();
    if (redirects === MAX_REDIRECTS) {
      throw new ServiceError(
        'download',
        `${origin} redirects more than ${MAX_REDIRECTS} times, at last from ${host}`,
        statusCode,
      );
    }
    if (host === origin && response.headers[STORAGE_TYPE] === 'reference') onReference?.();
    address = redirectTarget(location, address, statusCode);
  }
}

function redirectTarget(location: string, from: URL, status: number): URL {
  const target = URL.canParse(location, from.href) ? new URL(location, from) : undefined;
  if (target?.protocol === 'http:' || target?.protocol === 'https:') return target;
  const where = target ? `an address that begins with ${target.protocol}` : 'something that is not an address';
  const message = `${from.host} redirects to ${where}; the worker follows http and https`;
  // A retry would lead to the same address.
  throw new ServiceError('download', message, status, { retryable: false });
}

interface OneAnswer {
  readonly response: Response;
  readonly body: AsyncIterable<Buffer>;
  /** Closes the connection; harmless after the body's end. */
  readonly close: () => void;
}

/**
 * Makes one request. Redirects are not left to got: it does not apply the response timeout to them, and reads their
 * bodies to the end (https://github.com/sindresorhus/got/blob/v14.6.6/source/core/index.ts).
 */
async function requestOnce(
  address: URL,
  headers: Readonly<Record<string, string>>,
  inactivityMs: number,
  parent: AbortSignal,
): Promise<OneAnswer> {
  const { host } = address;
  const abort = new LinkedAbort(parent);
  const stream = got.stream(address.href, {
    headers,
    decompress: false,
    followRedirect: false,
    throwHttpErrors: false,
    retry: { limit: 0 },
    timeout: { lookup: inactivityMs, connect: inactivityMs, secureConnect: inactivityMs, response: inactivityMs },
    signal: abort.signal,
  });
  // Failures are handled where the answer is awaited and where its body is read.
  stream.on('error', () => undefined);
  const close = (): void => {
    stream.destroy();
    abort.dispose();
  };
  try {
    const [response] = (await once(stream, 'response')) as [Response];
    return { response, body: bodyOf(stream, { host, inactivityMs, abort, parent }), close };
  } catch (error) {
    close();
    throw downloadErrorOf(error, host, parent);
  }
}

interface Reading {
  readonly host: string;
  readonly inactivityMs: number;
  readonly abort: LinkedAbort;
  readonly parent: AbortSignal;
}

async function* bodyOf(stream: Request, { host, inactivityMs, abort, parent }: Reading): AsyncGenerator<Buffer> {
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let isWanted = false;
  // One timer for all chunks, as there are many.
  const silence = setTimeout(() => {
    if (isWanted) stream.destroy(new ServiceError('download', `${host} sent nothing for ${inactivityMs / 1000} s`));
  }, inactivityMs);
  try {
    for (;;) {
      isWanted = true;
      silence.refresh();
      const chunk = await chunks.next();
      if (chunk.done) return;
      isWanted = false;
      yield chunk.value;
    }
  } catch (error) {
    throw downloadErrorOf(error, host, parent);
  } finally {
    clearTimeout(silence);
    stream.destroy();
    abort.dispose();
  }
}

/**
 * Returns the error for a refusal. Taskcluster's answers are JSON with a message, whose first part is for people. After
 * a redirect to another host `body` is undefined: its author could make the worker read what only it can reach.
 */
async function refusal(
  response: Response,
  host: string,
  body: AsyncIterable<Buffer> | undefined,
): Promise<ServiceError> {
  const { statusCode, statusMessage = '' } = response;
  const message = body && isJson(response) ? await messageIn(body) : '';
  const summary = [`${host} answered ${statusCode}`, statusMessage].join(' ').trim();
  return new ServiceError('download', message === '' ? summary : `${summary}: ${message}`, statusCode);
}

function isJson({ headers }: Response): boolean {
  return /^application\/json\b/.test(headers['content-type'] ?? '') && headers['content-encoding'] === undefined;
}

async function messageIn(body: AsyncIterable<Buffer>): Promise<string> {
  let text = '';
  try {
    for await (const chunk of body) {
      text += chunk.toString('utf8');
      if (text.length > MAX_ERROR_BYTES) return '';
    }
    const parsed: unknown = JSON.parse(text);
    const message = isRecord(parsed) ? parsed['message'] : undefined;
    return typeof message === 'string' ? (message.split('\n---')[0] ?? '').trim().slice(0, MAX_ERROR_TEXT) : '';
  } catch {
    // The status is enough.
    return '';
  }
}

// No cause is passed on: got's errors contain the address in their options.
function downloadErrorOf(error: unknown, host: string, parent: AbortSignal): unknown {
  if (parent.aborted) return parent.reason;
  if (!(error instanceof RequestError)) return error;
  // got wraps the error that destroyed the stream.
  if (error.cause instanceof ServiceError) return error.cause;
  const code = error.code === 'ETIMEDOUT' ? 'no answer in time' : error.code;
  return new ServiceError('download', `the connection to ${host} failed (${code})`);
}
