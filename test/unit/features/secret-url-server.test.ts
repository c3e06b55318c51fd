import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SecretUrlServer, newToken, portOf } from '../../../src/lib/features/secret-url-server.js';
import { FixedHost } from '../../../src/lib/host/public-host.js';
import { TlsFiles } from '../../../src/lib/util/tls-files.js';
import { MemoryLogger } from '../../fakes/memory-logger.js';
import { makeCertificate } from '../../support/certificate.js';

const LIMITS = { waiting: 10, connections: 10, requestMs: 60_000 };
const REMEMBERED = 2000;

describe('a server for secret URLs', () => {
  let directory: string;
  let server: SecretUrlServer<string>;

  let log: MemoryLogger;
  const start = async (tls?: TlsFiles, ports: { port?: number; preferredPort?: number } = {}): Promise<void> => {
    const publicHost = new FixedHost('localhost');
    server = await SecretUrlServer.start({ port: 0, ...ports, publicHost, tls, log }, LIMITS);
  };

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'secret-urls-'));
    log = new MemoryLogger();
  });
  afterEach(async () => {
    await server.close();
    await rm(directory, { recursive: true });
  });

  it('finds the target of a token until it expires, and remembers the last 2000 expired ones', async () => {
    await start();
    const tokens = Array.from({ length: REMEMBERED + 1 }, newToken);
    for (const token of tokens) server.open(token, `of ${token}`);
    const [first = '', second = ''] = tokens;
    assert.deepEqual([server.find(first), server.find(newToken())], [`of ${first}`, undefined]);
    server.expire(first);
    server.expire(first);
    server.expire(newToken());
    assert.deepEqual([server.find(first), server.find(second)], ['expired', `of ${second}`]);
    for (const token of tokens.slice(1)) server.expire(token);
    assert.deepEqual([server.find(first), server.find(second)], [undefined, 'expired']);
  });

  describe('with a preferred port', () => {
    it('listens there', async () => {
      await start();
      const { port } = server;
      await server.close();
      await start(undefined, { preferredPort: port });
      assert.equal(server.port, port);
      assert.deepEqual(log.records, []);
    });

    it('listens at any other when it is not free, and logs that', async () => {
      await start();
      const first = server;
      await start(undefined, { preferredPort: first.port });
      assert.notEqual(server.port, first.port);
      assert.equal(log.of('live addresses of adopted runs lost').length, 1);
      const connection = connect(server.port, 'localhost');
      await once(connection, 'connect');
      connection.destroy();
      await first.close();
    });

    it('listens at any other when it is not a port', async () => {
      await start(undefined, { preferredPort: 70_000 });
      assert.ok(server.port > 0);
      assert.equal(log.of('live addresses of adopted runs lost').length, 1);
    });

    it('listens at the configured port if there is one', async () => {
      await start();
      const { port } = server;
      await server.close();
      await start(undefined, { port, preferredPort: 1 });
      assert.equal(server.port, port);
    });
  });

  it('knows the URLs that lead to it by port and protocol', async () => {
    await start();
    const { port } = server;
    const own = [`http://other.example.com:${port}/x`, `ws://localhost:${port}/x`].map((url) => server.isOwnUrl(url));
    assert.deepEqual(own, [true, true]);
    const others = [`https://localhost:${port}/x`, `http://localhost:${port + 1}/x`, 'http://localhost/x', 'x'];
    assert.ok(!others.some((url) => server.isOwnUrl(url)));
    await server.close();
    await start(await TlsFiles.read(await makeCertificate(directory, 'localhost')));
    const secure = ['https', 'wss', 'http', 'ws'].map((name) =>
      server.isOwnUrl(`${name}://localhost:${server.port}/x`),
    );
    assert.deepEqual(secure, [true, true, false, false]);
  });

  it('closes connections without a finished TLS handshake when it closes', async () => {
    await start(await TlsFiles.read(await makeCertificate(directory, 'localhost')));
    const silent = connect(server.port, 'localhost');
    await Promise.all([once(silent, 'connect'), once(server.http, 'connection')]);
    const cutOff = once(silent.resume(), 'close');
    await Promise.all([server.close(), cutOff]);
  });
});

describe('the port of a URL', () => {
  for (const [url, port] of [
    ['https://worker.example.com:32768/log/token', 32768],
    ['wss://[::1]:8080/token/shell.sock', 8080],
    ['http://worker.example.com/log/token', 80],
    ['https://worker.example.com/log/token', 443],
    ['ws://worker.example.com/x', 80],
    ['wss://worker.example.com/x', 443],
    ['ftp://worker.example.com/x', undefined],
    ['worker.example.com:80', undefined],
    ['', undefined],
  ] as const) {
    it(`is ${port} in ${JSON.stringify(url)}`, () => {
      assert.equal(portOf(url), port);
    });
  }
});
