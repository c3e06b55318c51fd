import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

export interface StoredObject {
  readonly body: Buffer;
  readonly headers: IncomingMessage['headers'];
}

/** An object store that accepts requests signed by AWS4-HMAC-SHA256 with one access key, and checks the body's hash. */
export class FakeS3 {
  readonly objects = new Map<string, StoredObject>();
  readonly #server: Server;
  readonly #accessKeyId: string;

  private constructor(accessKeyId: string) {
    this.#accessKeyId = accessKeyId;
    this.#server = createServer((request, response) => {
      void this.#answer(request).then(([status, body]) => {
        response.writeHead(status, { 'content-type': 'application/xml' }).end(body);
      });
    });
  }

  static async start(accessKeyId: string): Promise<FakeS3> {
    const store = new FakeS3(accessKeyId);
    await new Promise<void>((listening) => store.#server.listen(0, '127.0.0.1', listening));
    return store;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((closed) => this.#server.close(closed));
  }

  async #answer(request: IncomingMessage): Promise<readonly [number, string]> {
    const body = await buffer(request);
    const { authorization = '', 'x-amz-content-sha256': hash } = request.headers;
    const credential =
      /^AWS4-HMAC-SHA256 Credential=([^/]+)\/\d{8}\/[^/]+\/s3\/aws4_request, SignedHeaders=\S+, Signature=[0-9a-f]{64}$/;
    if (credential.exec(authorization)?.[1] !== this.#accessKeyId) return [403, error('AccessDenied')];
    if (hash !== createHash('sha256').update(body).digest('hex')) return [400, error('XAmzContentSHA256Mismatch')];
    if (request.method !== 'PUT') return [405, error('MethodNotAllowed')];
    this.objects.set(request.url ?? '', { body, headers: request.headers });
    return [200, ''];
  }
}

function error(code: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`;
}
