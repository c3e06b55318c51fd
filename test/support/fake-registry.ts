import { createServer } from 'node:http';
import type { Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A docker registry on loopback (which docker trusts without TLS) that answers each request as `answer` says. */
export class FakeRegistry {
  readonly host: string;
  /** Settles at the first request. */
  readonly asked: Promise<void>;
  readonly #server: Server;

  private constructor(server: Server, asked: Promise<void>) {
    this.#server = server;
    this.asked = asked;
    this.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(answer: (response: ServerResponse, url: string) => void): Promise<FakeRegistry> {
    let markAsked = (): void => undefined;
    const asked = new Promise<void>((resolve) => {
      markAsked = resolve;
    });
    const server = createServer((request, response) => {
      markAsked();
      answer(response, request.url ?? '');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new FakeRegistry(server, asked);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** Answers a request as a registry that knows no image at all. */
export function knowsNoImage(response: ServerResponse, url: string): void {
  const isVersionCheck = url === '/v2/';
  response.writeHead(isVersionCheck ? 200 : 404, {
    'content-type': 'application/json',
    'docker-distribution-api-version': 'registry/2.0',
  });
  response.end(isVersionCheck ? '{}' : '{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}');
}
