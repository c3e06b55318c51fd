import { once } from 'node:events';
import type { IncomingHttpHeaders, IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { until } from '../support/until.js';
import { settle } from './fake-clock.js';

export interface StoredObject {
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Does what it likes with one PUT. */
export type Fault = (request: IncomingMessage, response: ServerResponse) => void;

export const faults = {
  status:
    (statusCode: number, body = ''): Fault =>
    (request, response) => {
      request.resume();
      response.writeHead(statusCode).end(body);
    },
  reset: (request: IncomingMessage): void => {
    request.socket.resetAndDestroy();
  },
  resetMidBody: (request: IncomingMessage): void => {
    request.once('data', () => request.socket.resetAndDestroy());
  },
  silence: (request: IncomingMessage): void => {
    request.resume();
  },
} as const;

/** A store behind real HTTP that takes any PUT, unless a test has a fault for it. */
export class FakeObjectStore {
  readonly objects = new Map<string, StoredObject>();
  /** The address of every PUT, in order. */
  readonly puts: string[] = [];
  /** Each is used for one PUT, oldest first. */
  readonly faults: Fault[] = [];
  mostAtOnce = 0;
  /** PUTs are answered once so many are there at a time, so that `mostAtOnce` does not depend on luck. */
  waitsFor = 0;
  /** False keeps sizes only, for content that a test does not want in memory. */
  keepsBodies = true;
  readonly #server: Server;
  #now = 0;

  private constructor(server: Server) {
    this.#server = server;
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      void this.#take(request, response);
    });
  }

  static async start(): Promise<FakeObjectStore> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new FakeObjectStore(server);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  /** What a reader of the artifact would see. */
  text(name: string): string {
    return this.content(name).toString();
  }

  content(name: string): Buffer {
    const object = this.objects.get(name);
    if (!object) throw new Error(`nothing was stored as ${name}`);
    return object.headers['content-encoding'] === 'gzip' ? gunzipSync(object.body) : object.body;
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.puts.push(request.url ?? '');
    const fault = this.faults.shift();
    if (fault) {
      request.on('error', () => undefined);
      fault(request, response);
      return;
    }
    this.#now++;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.#now);
    const name = decodeURIComponent(new URL(request.url ?? '', this.url).pathname.slice(1));
    try {
      const body = this.keepsBodies ? await buffer(request) : await drain(request);
      if (request.complete) this.objects.set(name, { headers: request.headers, body });
      await until(`${this.waitsFor} uploads at once`, () => this.mostAtOnce, {
        isDone: (most) => most >= this.waitsFor,
        pollMs: 0,
      });
      await settle();
      response.end();
    } catch {
      // The client went away in the middle: nothing is stored.
    } finally {
      this.#now--;
    }
  }
}

async function drain(request: IncomingMessage): Promise<Buffer> {
  let length = 0;
  for await (const chunk of request) length += (chunk as Buffer).length;
  return Buffer.from(String(length));
}
