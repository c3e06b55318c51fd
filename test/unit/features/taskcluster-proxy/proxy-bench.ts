import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { text } from 'node:stream/consumers';
import { server as hawk } from 'hawk';
import { ProxyRequests } from '../../../../src/lib/features/taskcluster-proxy/proxy-requests.js';
import { ProxyServer } from '../../../../src/lib/features/taskcluster-proxy/proxy-server.js';
import { Upstream } from '../../../../src/lib/features/taskcluster-proxy/upstream.js';
import { CredentialHolder } from '../../../../src/lib/queue/credential-holder.js';
import { RequestSigner } from '../../../../src/lib/queue/request-signer.js';
import { MemoryLogger } from '../../../fakes/memory-logger.js';
import { FlakyServer } from '../../../support/flaky-server.js';
import type { Answer } from '../../../support/flaky-server.js';

export const SCOPES = ['a:scope', 'queue:create-artifact:task/0'];

export interface Reply {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** A proxy on loopback between a task, which is the test, and a deployment with one server that the test controls. */
export class ProxyBench {
  readonly credentials = new CredentialHolder({
    clientId: 'task-client',
    accessToken: 'a-token',
    certificate: '{"a":1}',
  });
  readonly log = new MemoryLogger();
  /** Returns whether an address is the task's. */
  isTask = true;
  readonly service: FlakyServer;
  readonly #upstream: Upstream;
  #proxy: ProxyServer | undefined;

  private constructor(service: FlakyServer, inactivityMs: number) {
    this.service = service;
    const retryPolicy = { attempts: 3, firstDelayMs: 1, maxDelayMs: 1, randomization: 0 };
    this.#upstream = new Upstream({ retryPolicy, inactivityMs });
  }

  static async start(answer: Answer, maxBodyBytes = 2_000_000, inactivityMs = 300): Promise<ProxyBench> {
    const bench = new ProxyBench(await FlakyServer.start(answer), inactivityMs);
    const { log, credentials, service } = bench;
    const signer = new RequestSigner({ credentials, scopes: SCOPES });
    const own = { signer, scopes: SCOPES, upstream: bench.#upstream, version: '1.2.3', log, maxBodyBytes };
    bench.#proxy = await ProxyServer.start({
      address: '127.0.0.1',
      port: 0,
      isTask: () => bench.isTask,
      requests: new ProxyRequests({ rootUrl: service.url, ...own }),
      log,
    });
    return bench;
  }

  get port(): number {
    return this.#proxy?.port ?? 0;
  }

  /** Sends a request to the proxy, with the path unchanged. */
  async ask(path: string, method = 'GET', body: Iterable<Buffer> = [], headers = {}): Promise<Reply> {
    const request = httpRequest({ port: this.#proxy?.port, path, method, headers, agent: false });
    const replied = once(request, 'response') as Promise<[IncomingMessage]>;
    const sent = pipeline(Readable.from(body), request).catch(() => undefined);
    const [response] = await replied;
    const reply = { status: response.statusCode ?? 0, headers: response.headers, body: await text(response) };
    await sent;
    return reply;
  }

  /** Ends the proxy as the end of a task does. */
  async endTask(): Promise<void> {
    await this.#proxy?.dispose();
    this.#proxy = undefined;
  }

  async close(): Promise<void> {
    await this.endTask();
    this.#upstream.close();
    await this.service.close();
  }
}

/** Returns who signed a request, and its `ext`. Throws if the signature is not that of `key`. */
export async function signerOf(request: IncomingMessage, key = 'a-token'): Promise<{ id: string; ext: unknown }> {
  const { artifacts } = await hawk.authenticate(request, (id: string) => ({
    id,
    user: id,
    key,
    algorithm: 'sha256' as const,
  }));
  const { id, ext = '' } = artifacts as { id?: string; ext?: string };
  return { id: id ?? '', ext: JSON.parse(Buffer.from(ext, 'base64').toString()) };
}
