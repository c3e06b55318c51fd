import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { LOG_CONTENT_TYPE } from '../../task-log/publisher.js';
import type { TaskLog } from '../../task-log/writer.js';
import { errorMessage } from '../../util/error-message.js';
import type { Logger } from '../../log/logger.js';
import { SourceShares } from '../../util/source-shares.js';
import { parseByteRange } from './byte-range.js';

/** Headers of every response: pages of any origin may read the log; browsers must not guess that it is HTML. */
const COMMON_HEADERS = {
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Expose-Headers': 'Transfer-Encoding',
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
} as const;

export interface EndpointLimits {
  /** How long open readers may continue after the run's end. */
  readonly drainMs: number;
  /** How long after the run's end new requests are redirected to the artifact. */
  readonly redirectMs: number;
  /** How long a reader may leave available data unread. */
  readonly stallMs: number;
  readonly readersPerLog: number;
}

/** Responds with a short text and closes the connection. */
export function answer(response: ServerResponse, statusCode: number, text: string, headers = {}): void {
  response.writeHead(statusCode, {
    ...COMMON_HEADERS,
    'Content-Type': LOG_CONTENT_TYPE,
    Connection: 'close',
    ...headers,
  });
  response.end(`${text}\n`);
}

/** Refuses a reader because the limit is reached. */
export function answerTooMany(response: ServerResponse): void {
  answer(response, 503, 'Too many readers.', { 'Retry-After': '30' });
}

export interface LiveLogEndpointOptions {
  /** The address given to readers; its last part is the token. */
  readonly url: string;
  readonly log: TaskLog;
  /** The worker's log. */
  readonly operatorLog: Logger;
  readonly limits: EndpointLimits;
  /** Called once, when new requests must get 404. */
  readonly onGone: () => void;
}

/** One run's log on the live log server: open during the run, then a redirect for a while, then gone. */
export class LiveLogEndpoint {
  /** The address given to readers. It contains the secret, so it must not be logged. */
  readonly url: string;
  readonly #options: Omit<LiveLogEndpointOptions, 'log'>;
  readonly #readers = new SourceShares<ServerResponse>();
  /** Kept only while the endpoint is open, because it keeps the run's data in memory. */
  #log: TaskLog | undefined;
  /** The redirect target of new requests after that. */
  #artifactUrl = '';

  constructor({ log, ...options }: LiveLogEndpointOptions) {
    this.url = options.url;
    this.#options = options;
    this.#log = log;
  }

  /** Redirects new requests to `url` for a while; then they get 404. Open readers get the rest, in limited time. */
  redirectTo(url: string): void {
    if (!this.#log) return;
    const { limits, onGone } = this.#options;
    this.#artifactUrl = url;
    setTimeout(onGone, limits.redirectMs).unref();
    this.#end();
  }

  /** Like redirectTo, but new requests get 404 at once. No effect after redirectTo. */
  close(): void {
    if (!this.#log) return;
    this.#options.onGone();
    this.#end();
  }

  /** The secret part of the address. */
  get token(): string {
    return this.url.slice(this.url.lastIndexOf('/') + 1);
  }

  /** Responds to a GET or HEAD with the right token, before `onGone` was called. */
  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (this.#log) await this.#serveLog(this.#log, request, response);
    else answer(response, 303, 'The task has ended.', { Location: this.#artifactUrl });
  }

  async #serveLog(log: TaskLog, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { remoteAddress: address = '' } = request.socket;
    if (!this.#makeRoom(address)) {
      answerTooMany(response);
      return;
    }
    const { size, isClosed } = log;
    const range = parseByteRange(request.headers.range, size, !isClosed);
    if (range.kind === 'unsatisfiable') {
      answer(response, 416, `The log has ${size} bytes so far.`, { 'Content-Range': `bytes */${size}` });
      return;
    }
    const part = range.kind === 'part' ? range : { start: 0, end: undefined };
    const headers = { ...COMMON_HEADERS, 'Content-Type': LOG_CONTENT_TYPE, 'Accept-Ranges': 'bytes' };
    if (range.kind === 'whole') response.writeHead(200, headers);
    else response.writeHead(206, { ...headers, ...partHeaders(range.start, range.end, isClosed ? size : undefined) });
    if (request.method === 'HEAD') response.end();
    else await this.#send(log.read(part.start, part.end === undefined ? {} : { end: part.end }), response, address);
  }

  /** Like `ConnectionLimiter.hold`, for the readers of this log. Returns false if there is no room. */
  #makeRoom(address: string): boolean {
    if (this.#readers.size < this.#options.limits.readersPerLog) return true;
    const isHalfClosed = ({ req }: ServerResponse): boolean => req.socket.readableEnded;
    const displaced = this.#readers.takeFirst(isHalfClosed) ?? this.#readers.takeFor(address);
    displaced?.destroy();
    return displaced !== undefined;
  }

  async #send(content: Readable, response: ServerResponse, address: string): Promise<void> {
    this.#readers.add(address, response);
    response.flushHeaders();
    // Closes the connection of a reader that takes nothing, but not because the log is quiet.
    response.setTimeout(this.#options.limits.stallMs, () => {
      if (response.writableNeedDrain) response.destroy();
    });
    try {
      await pipeline(content, response);
    } catch (error) {
      // Usually a reader that left; only an error of our own file would be something else.
      this.#options.operatorLog.debug('live log reader left', { error: errorMessage(error) });
    } finally {
      this.#readers.delete(address, response);
    }
  }

  /** Drops the log, and disconnects the remaining readers after `drainMs`. */
  #end(): void {
    this.#log = undefined;
    if (this.#readers.size === 0) return;
    setTimeout(() => {
      for (const reader of this.#readers) reader.destroy();
    }, this.#options.limits.drainMs).unref();
  }
}

/** `total` is undefined while the log grows; so is the `end` of a part that follows it. */
function partHeaders(start: number, end: number | undefined, total: number | undefined): Record<string, string> {
  const last = end === undefined ? '' : String(end - 1);
  return {
    'Content-Range': `bytes ${start}-${last}/${total ?? '*'}`,
    ...(end === undefined ? {} : { 'Content-Length': String(end - start) }),
  };
}
