import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { LOG_CONTENT_TYPE } from '../../task-log/publisher.js';
import type { TaskLog } from '../../task-log/writer.js';
import { errorMessage } from '../../util/error-message.js';
import type { Logger } from '../../log/logger.js';
import { SourceShares } from '../../util/source-shares.js';
import { parseByteRange } from './byte-range.js';

/** What every answer carries: pages of any origin may read the log, browsers must not guess that it is HTML. */
const COMMON_HEADERS = {
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Expose-Headers': 'Transfer-Encoding',
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
} as const;

export interface EndpointLimits {
  /** How long open readers may go on after the run's end. */
  readonly drainMs: number;
  /** How long after the run's end new requests are sent to the artifact. */
  readonly redirectMs: number;
  /** How long a reader may take nothing of what is there for it. */
  readonly stallMs: number;
  readonly readersPerLog: number;
}

/** Answers a short text; the connection is not kept. */
export function answer(response: ServerResponse, statusCode: number, text: string, headers = {}): void {
  response.writeHead(statusCode, {
    ...COMMON_HEADERS,
    'Content-Type': LOG_CONTENT_TYPE,
    Connection: 'close',
    ...headers,
  });
  response.end(`${text}\n`);
}

/** To one reader more than there may be. */
export function answerTooMany(response: ServerResponse): void {
  answer(response, 503, 'Too many readers.', { 'Retry-After': '30' });
}

export interface LiveLogEndpointOptions {
  /** What readers are given; its last part is the token. */
  readonly url: string;
  readonly log: TaskLog;
  /** That of the worker. */
  readonly operatorLog: Logger;
  readonly limits: EndpointLimits;
  /** Called once, when new requests are to be answered with 404. */
  readonly onGone: () => void;
}

/** One run's log on the live log server: open while the run goes on, then a redirect for a while, then gone. */
export class LiveLogEndpoint {
  /** What readers are given; it holds the secret, so it belongs in no log. */
  readonly url: string;
  readonly #options: Omit<LiveLogEndpointOptions, 'log'>;
  readonly #readers = new SourceShares<ServerResponse>();
  /** The log is held only while the endpoint is open, and with it what is known of the run. */
  #log: TaskLog | undefined;
  /** Where new requests are sent once it is not. */
  #artifactUrl = '';

  constructor({ log, ...options }: LiveLogEndpointOptions) {
    this.url = options.url;
    this.#options = options;
    this.#log = log;
  }

  /** New requests go to `url` for a while, then get 404; open readers are served to the last byte, in bounded time. */
  redirectTo(url: string): void {
    if (!this.#log) return;
    const { limits, onGone } = this.#options;
    this.#artifactUrl = url;
    setTimeout(onGone, limits.redirectMs).unref();
    this.#end();
  }

  /** As redirectTo, without an address to go to: new requests get 404 at once. Harmless after redirectTo. */
  close(): void {
    if (!this.#log) return;
    this.#options.onGone();
    this.#end();
  }

  /** The part of the address that nobody can guess. */
  get token(): string {
    return this.url.slice(this.url.lastIndexOf('/') + 1);
  }

  /** Answers a GET or HEAD that named the right token, before `onGone` was called. */
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

  /** As `ConnectionLimiter.hold`, for the readers of this log. False: there is no room. */
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
    // A quiet log is no reason to hang up, a reader that takes nothing is.
    response.setTimeout(this.#options.limits.stallMs, () => {
      if (response.writableNeedDrain) response.destroy();
    });
    try {
      await pipeline(content, response);
    } catch (error) {
      // Readers come and go as they like; only trouble with our file would show up here as something else.
      this.#options.operatorLog.debug('live log reader left', { error: errorMessage(error) });
    } finally {
      this.#readers.delete(address, response);
    }
  }

  /** No readers come from now on. */
  #end(): void {
    this.#log = undefined;
    if (this.#readers.size === 0) return;
    setTimeout(() => {
      for (const reader of this.#readers) reader.destroy();
    }, this.#options.limits.drainMs).unref();
  }
}

/** `total` is undefined while the log grows; a part that follows it has no end that could be named either. */
function partHeaders(start: number, end: number | undefined, total: number | undefined): Record<string, string> {
  const last = end === undefined ? '' : String(end - 1);
  return {
    'Content-Range': `bytes ${start}-${last}/${total ?? '*'}`,
    ...(end === undefined ? {} : { 'Content-Length': String(end - start) }),
  };
}
