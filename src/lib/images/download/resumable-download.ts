import type { ImageProgress } from '../image-provider.js';
import type { Attempts } from './attempts.js';
import { DownloadError } from './download-error.js';
import { DownloadProgress } from './download-progress.js';
import { httpGet } from './http-get.js';
import type { GetOptions, HttpAnswer } from './http-get.js';

export interface DownloadOptions extends Pick<GetOptions, 'inactivityMs' | 'onReference'> {
  /** A fresh address for each request: signatures run out. */
  readonly address: () => string;
  readonly attempts: Attempts;
  readonly progress: ImageProgress;
}

export interface Download {
  /** Of the body; undefined: none. */
  readonly contentEncoding: string | undefined;
  /**
   * The content as it was sent, however often the connection broke: each time the rest of the same version is asked
   * for. Where that is not to be had it fails with a transient DownloadError, and all has to be begun anew.
   */
  readonly body: AsyncIterable<Buffer>;
}

/** Sends the first request. One attempt; what goes wrong once the body is being read is tried again in its course. */
export async function startDownload(options: DownloadOptions, signal: AbortSignal): Promise<Download> {
  const headers = { 'accept-encoding': 'gzip, identity' };
  const answer = await httpGet(options.address(), { ...options, headers }, signal);
  mustBeContent(answer);
  const version = versionOf(answer);
  return { contentEncoding: version.contentEncoding, body: resumingBody(answer, version, options, signal) };
}

/** Whoever stands in the way of a download answers with a page; no archive is one. */
function mustBeContent({ headers, host }: HttpAnswer): void {
  if (!/^text\/html\b/.test(headers['content-type'] ?? '')) return;
  throw new DownloadError(`${host} sent a web page in place of the artifact`, undefined);
}

/** What must not change between the parts of one download. */
interface Version {
  readonly totalBytes: number | undefined;
  /** Undefined when there is none that means the same bytes. */
  readonly etag: string | undefined;
  readonly contentEncoding: string | undefined;
}

function versionOf({ headers, statusCode, host }: HttpAnswer): Version {
  if (statusCode !== 200) throw new DownloadError(`${host} answered ${statusCode} to a plain request`, undefined);
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

/** Asks for the rest until it comes or there are no attempts left. */
async function resume(
  cause: unknown,
  received: number,
  version: Version,
  options: DownloadOptions,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  const { address, attempts } = options;
  for (let error = cause; ;) {
    if (signal.aborted || !(error instanceof DownloadError) || !error.retryable) throw error;
    // Begun anew, it is another attempt too.
    if (version.etag === undefined || error instanceof NotResumable) throw error;
    await attempts.another(error, `Going on after ${(received / 1e6).toFixed(1)} MB`, signal);
    const headers = { range: `bytes=${received}-`, 'if-range': version.etag, 'accept-encoding': 'gzip, identity' };
    try {
      const answer = await httpGet(address(), { ...options, headers }, signal);
      checkContinues(answer, received, version);
      return answer;
    } catch (next) {
      const isNoRange = next instanceof DownloadError && [412, 416].includes(next.status ?? 0);
      error = isNoRange ? new NotResumable(next.message, undefined) : next;
    }
  }
}

/** The rest can't be had: the download has to be begun anew. */
class NotResumable extends DownloadError {}

function checkContinues(answer: HttpAnswer, received: number, version: Version): void {
  const { statusCode, headers, host } = answer;
  const [, from, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers['content-range'] ?? '') ?? [];
  const isRest = statusCode === 206 && Number(from) === received;
  const isSameSize = version.totalBytes === undefined || total === '*' || Number(total) === version.totalBytes;
  const isSameVersion = headers.etag === undefined || headers.etag === version.etag;
  if (isRest && isSameSize && isSameVersion) return;
  const why = statusCode === 206 ? 'has another version of it by now' : 'sends all or nothing';
  throw new NotResumable(`the connection broke, and ${host} ${why}`, undefined);
}

function checkLength(received: number, { totalBytes }: Version, host: string): void {
  if (totalBytes === undefined || received === totalBytes) return;
  throw new DownloadError(`${host} sent ${received} bytes of ${totalBytes}`, undefined);
}
