import assert from 'node:assert/strict';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { StatusServer } from '../../../src/lib/log/status-server.js';
import { MemoryLogger } from '../../fakes/memory-logger.js';
import { askAndHalfClose, idleConnections } from '../../support/raw-http.js';

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

function ask(port: number, path: string, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, method, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      response.on('end', () => {
        resolve({ status: response.statusCode, headers: response.headers, body });
      });
    });
    sent.on('error', reject).end();
  });
}

describe('the status server', () => {
  const log = new MemoryLogger();
  let server: StatusServer;
  let asked = 0;

  before(async () => {
    server = await StatusServer.start({
      host: '127.0.0.1',
      port: 0,
      log,
      pages: {
        '/page': () => {
          asked += 1;
          return Promise.resolve({ statusCode: 503, contentType: 'application/json', body: `{"asked":${asked}}` });
        },
        '/broken': () => Promise.reject(new Error('secret detail')),
      },
    });
  });
  after(() => server.close());

  it('answers with the current page, uncached', async () => {
    const { status, headers, body } = await ask(server.port, '/page');
    assert.deepEqual(
      [status, headers['content-type'], headers['cache-control']],
      [503, 'application/json', 'no-store'],
    );
    assert.equal(body, '{"asked":1}');
    assert.equal((await ask(server.port, '/page?from=probe')).body, '{"asked":2}');
  });

  it('answers HEAD without the page', async () => {
    const { status, body } = await ask(server.port, '/page', 'HEAD');
    assert.deepEqual([status, body], [503, '']);
  });

  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
    it(`answers ${method} with 405 and what is allowed`, async () => {
      const { status, headers } = await ask(server.port, '/page', method);
      assert.deepEqual([status, headers.allow], [405, 'GET, HEAD']);
    });
  }

  for (const path of ['/', '/other', '/page/', '/constructor', '/__proto__', '/page%2f..']) {
    it(`answers 404 at ${path}`, async () => {
      assert.equal((await ask(server.port, path)).status, 404);
    });
  }

  it('answers a client that closes its half of the connection', async () => {
    assert.match(await askAndHalfClose(server.port, 'GET /page HTTP/1.0\r\n\r\n'), /^HTTP\/1\.1 503 [\s\S]*"asked":/);
  });

  it('answers while 1000 idle connections are open', async () => {
    const idle = await idleConnections(server.port, 1000);
    assert.equal((await ask(server.port, '/page')).status, 503);
    for (const socket of idle) socket.destroy();
  });

  it('answers 500 without details when a page fails', async () => {
    const { status, body } = await ask(server.port, '/broken');
    assert.equal(status, 500);
    assert.ok(!body.includes('secret detail'));
    assert.equal(log.of('status request failed').length, 1);
  });

  it('fails to start when its port is taken', async () => {
    const options = { host: '127.0.0.1', port: server.port, pages: {}, log };
    await assert.rejects(StatusServer.start(options), { code: 'EADDRINUSE' });
  });

  it('closes at once when clients still wait', async () => {
    let arrived = (): void => undefined;
    const asking = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const hangs = (): Promise<never> => {
      arrived();
      return new Promise(() => undefined);
    };
    const own = await StatusServer.start({ host: '127.0.0.1', port: 0, log, pages: { '/hangs': hangs } });
    const waiting = assert.rejects(ask(own.port, '/hangs'), { code: 'ECONNRESET' });
    await asking;
    await own.close();
    await waiting;
  });
});
