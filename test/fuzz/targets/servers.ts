import { createServer } from 'node:http';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { LiveLogServer } from '../../../src/lib/features/live-log/live-log-server.js';
import { ProxyRequests } from '../../../src/lib/features/taskcluster-proxy/proxy-requests.js';
import { ProxyServer } from '../../../src/lib/features/taskcluster-proxy/proxy-server.js';
import { signableUrl, targetOf } from '../../../src/lib/features/taskcluster-proxy/target.js';
import { Upstream } from '../../../src/lib/features/taskcluster-proxy/upstream.js';
import { FixedHost } from '../../../src/lib/host/public-host.js';
import { StatusServer } from '../../../src/lib/log/status-server.js';
import { CredentialHolder } from '../../../src/lib/queue/credential-holder.js';
import { RequestSigner } from '../../../src/lib/queue/request-signer.js';
import { TaskLog } from '../../../src/lib/task-log/writer.js';
import { MemoryLogger } from '../../fakes/memory-logger.js';
import { ShellBench } from '../../unit/features/interactive/shell-bench.js';
import { exchange, expectHttp, expectStillAnswers } from '../exchange.js';
import { expect } from '../expect.js';
import { TOKEN, piecesOf, rawRequest, webSocketFrames } from '../inputs/http.js';
import type { RawRequest } from '../inputs/http.js';
import { textOf } from '../inputs/text.js';
import { pureTarget, target } from '../target.js';
import type { Running, Target } from '../target.js';

/** Servers give up on half a request after so long; no answer depends on it, as clients end their side. */
const REQUEST_MS = 2000;
const SOON = new Date('2100-01-01');

const liveLog = target({
  name: 'live-log-server',
  about: 'what clients send to the live log',
  inputs: rawRequest(['/log/{TOKEN}', '/log/{TOKEN}', '/log/', '/', `/log/${TOKEN}?x`]),
  start: async (): Promise<Running<RawRequest>> => {
    const directory = await mkdtemp(join(tmpdir(), 'fuzz-live-log-'));
    const log = await TaskLog.open({ path: join(directory, 'log'), now: () => new Date() });
    log.write('0123456789'.repeat(1000));
    await log.close();
    const publicHost = new FixedHost('127.0.0.1');
    const limits = { requestMs: REQUEST_MS };
    const server = await LiveLogServer.start({
      port: 0,
      host: '127.0.0.1',
      publicHost,
      log: new MemoryLogger(),
      limits,
    });
    const { token } = server.open(log, SOON);
    return {
      attempt: async (request) => {
        expectHttp(await exchange(server.port, piecesOf(request, token)));
        await expectStillAnswers(server.port, `/log/${token}`, 200);
      },
      close: async () => {
        await server.close(0);
        await rm(directory, { recursive: true });
      },
    };
  },
});

const interactive = target({
  name: 'interactive-server',
  about: 'what clients send to an interactive task: HTTP, upgrades, frames and messages of all protocols',
  inputs: rawRequest(
    [
      `/${TOKEN}/shell.sock`,
      `/${TOKEN}/shell.sock?command=a&tty=true`,
      `/${TOKEN}/shell.sock?command=cat`,
      `/${TOKEN}/display.sock?display=:0`,
      `/${TOKEN}/displays`,
      '/',
    ],
    webSocketFrames,
  ),
  start: async (): Promise<Running<RawRequest>> => {
    const bench = await ShellBench.start(
      async ({ stdin, print }) => {
        for await (const data of stdin as AsyncIterable<Buffer>) await print(data);
        return 0;
      },
      { requestMs: REQUEST_MS, closeMs: 200 },
    );
    const { port, pathname } = new URL(bench.url);
    const [, token = ''] = pathname.split('/');
    return {
      attempt: async (request) => {
        expectHttp(await exchange(Number(port), piecesOf(request, token)));
        await expectStillAnswers(Number(port), `/${token}/shell.sock`, 426);
        // They would fill the memory in the long run.
        bench.log.records.length = 0;
      },
      close: () => bench.close(),
    };
  },
});

const status = target({
  name: 'status-server',
  about: 'what clients send to the metrics and health endpoint',
  inputs: rawRequest(['/metrics', '/health', '/', '/__proto__', '/constructor']),
  start: async (): Promise<Running<RawRequest>> => {
    const page = { statusCode: 200, contentType: 'text/plain', body: 'ok\n' };
    const pages = { '/metrics': () => Promise.resolve(page), '/health': () => Promise.reject(new Error('no')) };
    const server = await StatusServer.start({ host: '127.0.0.1', port: 0, pages, log: new MemoryLogger() });
    return {
      attempt: async (request) => {
        expectHttp(await exchange(server.port, piecesOf(request, '')));
        await expectStillAnswers(server.port, '/metrics', 200);
      },
      close: () => server.close(),
    };
  },
});

const GOOD_PATH = '/api/queue/v1/ping';
const MAX_BODY_BYTES = 300_000;

const proxy = target({
  name: 'proxy-server',
  about: 'what tasks send to the taskcluster proxy',
  inputs: rawRequest([GOOD_PATH, GOOD_PATH, '/queue/v1/task', '/bewit', '/127.0.0.1/api/x', '/', '//', '/api/']),
  start: async (): Promise<Running<RawRequest>> => {
    const service = createServer((request, response) => {
      request.resume();
      response.end('pong');
    });
    await once(service.listen(0, '127.0.0.1'), 'listening');
    const rootUrl = `http://127.0.0.1:${(service.address() as AddressInfo).port}`;
    const credentials = new CredentialHolder({ clientId: 'c', accessToken: 'a' });
    const signer = new RequestSigner({ credentials, scopes: [] });
    const upstream = new Upstream({
      retryPolicy: { attempts: 1, firstDelayMs: 1, maxDelayMs: 1, randomization: 0 },
      inactivityMs: 2000,
    });
    const log = new MemoryLogger();
    const own = { rootUrl, signer, scopes: ['a'], upstream, version: '1', log, maxBodyBytes: MAX_BODY_BYTES };
    const server = await ProxyServer.start({
      address: '127.0.0.1',
      port: 0,
      isTask: () => true,
      requests: new ProxyRequests(own),
      log,
    });
    return {
      attempt: async (request) => {
        expectHttp(await exchange(server.port, piecesOf(request, '')));
        await expectStillAnswers(server.port, GOOD_PATH, 200);
        log.records.length = 0;
      },
      close: async () => {
        await server.dispose();
        upstream.close();
        service.close();
        service.closeAllConnections();
      },
    };
  },
});

const ROOT_URLS = ['https://tc.example.com', 'http://localhost:8080', 'https://example.com/tc/'];

const proxyPaths = pureTarget({
  name: 'proxy-paths',
  about: 'paths and URLs that tasks ask the proxy for',
  inputs: fc.record({
    path: textOf(
      ['/', '/api/', 'queue/', 'v1/', '..', '%2e', '?', '#', 'tc.example.com', 'https://', '@', ':80', '\\', '\t'],
      32_768,
    ),
    rootUrl: fc.constantFrom(...ROOT_URLS),
  }),
  attempt: ({ path, rootUrl }) => {
    const { origin } = new URL(rootUrl);
    for (const url of [targetOf(path, rootUrl), signableUrl(path, rootUrl)]) {
      if (url === undefined) continue;
      expect(url.startsWith(`${origin}/`) && new URL(url).origin === origin, `it leads to ${url.slice(0, 200)}`);
      expect(/^[\x21-\x7e]*$/.test(url), 'the URL has characters that no URL has');
      new RequestSigner({
        credentials: new CredentialHolder({ clientId: 'c', accessToken: 'a' }),
        scopes: [],
      }).authorization('GET', url);
    }
  },
});

export const SERVERS: readonly Target[] = [liveLog, interactive, status, proxy, proxyPaths];
