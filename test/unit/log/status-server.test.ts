import assert from 'node:assert/strict';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { networkInterfaces } from 'node:os';
import { StatusServer } from '../../../src/lib/log/status-server.js';
import { MemoryLogger } from '../../fakes/memory-logger.js';
import { skipBecause } from '../../support/skip-because.js';
import { askAndHalfClose, idleConnections } from '../../support/raw-http.js';

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

interface Asking {
  readonly method?: string;
  /** The Host header. */
  readonly name?: string;
  /** The address to connect to. */
  readonly host?: string;
}

function ask(port: number, path: string, { method = 'GET', name, host = '127.0.0.1' }: Asking = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = name === undefined ? {} : { host: name };
    const sent = request({ host, port, path, method, headers, agent: false }, (response) => {
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
    const { status, body } = await ask(server.port, '/page', { method: 'HEAD' });
    assert.deepEqual([status, body], [503, '']);
  });

  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
    it(`answers ${method} with 405 and what is allowed`, async () => {
      const { status, headers } = await ask(server.port, '/page', { method });
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

describe('a page of the status server for people', () => {
  const log = new MemoryLogger();
  const page = { statusCode: 200, contentType: 'text/html', body: 'for people' };
  const pages = { '/metrics': () => Promise.resolve({ ...page, body: 'for programs' }) };
  const localPages = { '/': () => Promise.resolve(page) };
  let server: StatusServer;

  before(async () => {
    server = await StatusServer.start({ host: '0.0.0.0', port: 0, log, pages, localPages });
  });
  after(() => server.close());

  it('is answered with headers that allow it nothing from elsewhere', async () => {
    const { status, headers, body } = await ask(server.port, '/');
    assert.deepEqual([status, body], [200, 'for people']);
    assert.match(String(headers['content-security-policy']), /^default-src 'none'; script-src 'self'; .*frame-anc/);
    assert.deepEqual(
      [headers['x-content-type-options'], headers['referrer-policy'], headers['cross-origin-opener-policy']],
      ['nosniff', 'no-referrer', 'same-origin'],
    );
  });

  for (const name of ['localhost', 'LOCALHOST:9', '127.0.0.1:80', '127.9.9.9', '[::1]:9464']) {
    it(`is answered under the name ${name}`, async () => {
      assert.equal((await ask(server.port, '/', { name })).status, 200);
    });
  }

  for (const name of [
    'evil.example',
    'evil.example:9464',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '192.0.2.1',
  ]) {
    it(`is refused under the name ${name}, which a website may have given to this machine`, async () => {
      const { status, headers, body } = await ask(server.port, '/', { name });
      assert.equal(status, 403);
      assert.doesNotMatch(body, /for people/);
      assert.equal(headers['access-control-allow-origin'], undefined);
      // Monitoring has names of its own.
      assert.equal((await ask(server.port, '/metrics', { name })).body, 'for programs');
    });
  }

  it('is refused to a client that came by another address of this machine', async function () {
    const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
    const other = addresses.find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
    if (other === undefined) skipBecause(this, 'this machine has only its loopback address');
    assert.equal((await ask(server.port, '/', { host: other, name: 'localhost' })).status, 403);
    assert.equal((await ask(server.port, '/metrics', { host: other })).status, 200);
  });

  it('appears in the answer for a path that does not exist', async () => {
    assert.equal((await ask(server.port, '/x')).body, 'Not found. Available: /, /metrics.\n');
  });
});
