import { reportRetries } from '../image-error.js';
import type { ImageProgress } from '../image-provider.js';
import { ServiceError, isErrorOf, isRetryable } from '../../outcome/service-error.js';
import type { Attempts, RetryHooks } from '../../util/retry.js';
import { DownloadProgress } from './download-progress.js';
import { httpGet } from './http-get.js';
import type { GetOptions, HttpAnswer } from './http-get.js';

export interface DownloadOptions extends Pick<GetOptions, 'inactivityMs' | 'onReference'> {
  /** Returns a fresh address for each request: signatures expire. */
  readonly address: () => string;
  readonly attempts: Attempts;
  readonly progress: ImageProgress;
}

export interface Download {
  /** Content encoding of the body; undefined: none. */
  readonly contentEncoding: string | undefined;
  /**
   * The content as sent, even if the connection breaks: each time the rest of the same version is requested. If that is
   * not possible, it throws a retryable ServiceError, and the download must start anew.
   */
  readonly body: AsyncIterable<Buffer>;
}

/** Sends the first request, without retries; failures while the body is read are retried there. */
export async function startDownload(options: DownloadOptions, signal: AbortSignal): Promise<Download> {
  const headers = { 'accept-encoding': 'gzip, identity' };
  const answer = await httpGet(options.address(), { ...options, headers }, signal);
  assertNotWebPage(answer);
  const version = versionOf(answer);
  return { contentEncoding: version.contentEncoding, body: resumingBody(answer, version, options, signal) };
}

/** Throws for a web page, which a proxy or portal sends: no archive is one. */
function assertNotWebPage({ headers, host, statusCode }: HttpAnswer): void {
  if (!/^text\/html\b/.test(headers['content-type'] ?? '')) return;
  throw new ServiceError('download', `${host} sent a web page instead of the artifact`, statusCode);
}

/** What must be the same for all parts of one download. */
interface Version {
  readonly totalBytes: number | undefined;
  /** Undefined unless there is a strong one, which guarantees the same bytes. */
  readonly etag: string | undefined;
  readonly contentEncoding: string | undefined;
}

function versionOf({ headers, statusCode, host }: HttpAnswer): Version {
  if (statusCode !== 200)
    throw new ServiceError('download', `${host} answered ${statusCode} to a plain request`, statusCode);
  const { etag, 'content-length': length, 'content-encoding': encoding } = headers;
  return {
    totalBytes: length === undefined ? undefined : Number(length),
    etag: etag?.startsWith('"') ? etag : undefined,
    contentEncoding: encoding === undefined || encoding === 'identity' ? undefined : encoding.toLowerCase(),
  };
}

async function* resumingBody(
  first: HttpAnswer,
  version: Version,
  options: DownloadOptions,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, undefined> {
  const progress = new DownloadProgress(options.progress, version.totalBytes);
  let received = 0;
  try {
    for (let answer: HttpAnswer | undefined = first; answer !== undefined;) {
      const { body, host } = answer;
      answer = undefined;
      try {
        for await (const chunk of body) {
          received += chunk.length;
          progress.add(chunk.length);
          yield chunk;
        }
        checkLength(received, version, host);
      } catch (error) {
        if (received !== version.totalBytes) answer = await resume(error, received, version, options, signal);
      }
    }
    progress.finish();
  } finally {
    progress.stop();
  }
}

/** Requests the rest until it comes or no attempts are left. */
async function resume(
  cause: unknown,
  received: number,
  version: Version,
  options: DownloadOptions,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  const { address, attempts, progress } = options;
  const { etag } = version;
  if (etag === undefined) throw cause;
  const headers = { range: `bytes=${received}-`, 'if-range': etag, 'accept-encoding': 'gzip, identity' };
  const hooks: RetryHooks = {
    // Starting anew is another attempt too.
    isRetryable: (error) => isRetryable(error) && !(error instanceof NotResumable),
    onRetry: reportRetries(progress, 'Loading failed', `Resuming after ${(received / 1e6).toFixed(1)} MB`),
  };
  const ask = async (): Promise<HttpAnswer> => {
    try {
      const answer = await httpGet(address(), { ...options, headers }, signal);
      checkContinues(answer, received, version);
      return answer;
    } catch (error) {
      if (!isErrorOf(error, 'download', 412, 416)) throw error;
      throw new NotResumable(error.message, error.status);
    }
  };
  await attempts.another(cause, hooks, signal);
  return await attempts.run(hooks, ask, signal);
}

/** The rest is not available: the download must start anew. */
class NotResumable extends ServiceError {
  constructor(message: string, status: number | undefined) {
    super('download', message, status, { retryable: true });
  }
}

function checkContinues(answer: HttpAnswer, received: number, version: Version): void {
  const { statusCode, headers, host } = answer;
  const [, from, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers['content-range'] ?? '') ?? [];
  const isRest = statusCode === 206 && Number(from) === received;
  const isSameSize = version.totalBytes === undefined || total === '*' || Number(total) === version.totalBytes;
  const isSameVersion = headers.etag === undefined || headers.etag === version.etag;
  if (isRest && isSameSize && isSameVersion) return;
  const why = statusCode === 206 ? 'now has another version of it' : 'does not send the rest alone';
  throw new NotResumable(`the connection broke, and ${host} ${why}`, statusCode);
}

function checkLength(received: number, { totalBytes }: Version, host: string): void {
  if (totalBytes === undefined || received === totalBytes) return;
  throw new ServiceError('download', `${host} sent ${received} bytes of ${totalBytes}`);
}
