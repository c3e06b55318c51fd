import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Answers one request; `n` counts them from 1. */
export type Answer = (request: IncomingMessage, response: ServerResponse, n: number) => void;

/** A server on loopback that answers as it is told, and keeps the headers of all requests. */
export class FlakyServer {
  readonly url: string;
  readonly requests: IncomingMessage[] = [];
  readonly #server: Server;

  private constructor(server: Server, requests: IncomingMessage[]) {
    this.#server = server;
    this.requests = requests;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(answer: Answer): Promise<FlakyServer> {
    const requests: IncomingMessage[] = [];
    const server = createServer((request, response) => {
      requests.push(request);
      answer(request, response, requests.length);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new FlakyServer(server, requests);
  }

  /** What each request asked for with Range. */
  get ranges(): readonly (string | undefined)[] {
    return this.requests.map(({ headers }) => headers.range);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

export interface Served {
  readonly content: Buffer;
  readonly etag?: string;
  readonly contentEncoding?: string;
}

/** Sends the content, or the range that was asked for, and hangs up after `bytes` of it when given. */
export function serve(
  request: IncomingMessage,
  response: ServerResponse,
  { content, etag = '"one"', contentEncoding }: Served,
  bytes?: number,
): void {
  const [, from] = /^bytes=(\d+)-$/.exec(request.headers.range ?? '') ?? [];
  const first = from === undefined || request.headers['if-range'] !== etag ? 0 : Number(from);
  const rest = content.subarray(first);
  response.writeHead(first > 0 ? 206 : 200, {
    etag,
    'content-length': rest.length,
    ...(first > 0 && { 'content-range': `bytes ${first}-${content.length - 1}/${content.length}` }),
    ...(contentEncoding !== undefined && { 'content-encoding': contentEncoding }),
  });
  if (bytes === undefined) response.end(rest);
  else response.write(rest.subarray(0, bytes), () => response.destroy());
}
