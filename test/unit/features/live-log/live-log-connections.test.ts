import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { get, request } from 'node:http';
import { get as getSecurely } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { connect as connectSecurely } from 'node:tls';
import type { LiveLogEndpoint } from '../../../../src/lib/features/live-log/live-log-endpoint.js';
import type { LiveLogLimits } from '../../../../src/lib/features/live-log/live-log-server.js';
import { LiveLogServer } from '../../../../src/lib/features/live-log/live-log-server.js';
import { FixedHost } from '../../../../src/lib/host/public-host.js';
import { TaskLog } from '../../../../src/lib/task-log/writer.js';
import { TlsFiles } from '../../../../src/lib/util/tls-files.js';
import { MemoryLogger } from '../../../fakes/memory-logger.js';
import { makeCertificate } from '../../../support/certificate.js';
import type { CertificatePaths } from '../../../support/certificate.js';
import { askAndHalfClose, idleConnections } from '../../../support/raw-http.js';

const SOON = new Date('2030-01-01T00:00:00Z');

describe('connections to the live log server', () => {
  let dir: string;
  let log: TaskLog;
  let operatorLog: MemoryLogger;
  let server: LiveLogServer;
  let endpoint: LiveLogEndpoint;

  const start = async (limits: Partial<LiveLogLimits> = {}): Promise<void> => {
    const publicHost = new FixedHost('127.0.0.1');
    server = await LiveLogServer.start({ port: 0, host: '127.0.0.1', publicHost, log: operatorLog, limits });
    endpoint = server.open(log, SOON);
  };

  beforeEach(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'live-log-'));
    log = await TaskLog.open({ path: path.join(dir, 'log'), now: () => new Date() });
    operatorLog = new MemoryLogger();
    await start();
  });
  afterEach(async () => {
    await log.close();
    await server.close(0);
    await rm(dir, { recursive: true });
    assert.ok(!JSON.stringify(operatorLog.records).includes(endpoint.token), 'the token was logged');
  });

  const open = async (): Promise<IncomingMessage> => {
    const [response] = (await once(get(endpoint.url, { agent: false }), 'response')) as [IncomingMessage];
    return response;
  };
  const status = async (): Promise<number | undefined> => {
    const sent = request(endpoint.url, { method: 'HEAD', agent: false }).end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    return response.resume().statusCode;
  };

  it('drops connections without a request in favor of those with one', async () => {
    await server.close(0);
    await start({ connections: 2, requestMs: 200 });
    const silent = [connect(server.port, '127.0.0.1'), connect(server.port, '127.0.0.1')];
    await Promise.all(silent.map((socket) => once(socket, 'connect')));
    await Promise.all(silent.map((socket) => once(socket.resume(), 'close')));
    assert.equal(await status(), 200);
  });

  it('closes a connection without a token right after refusing it', async () => {
    const socket = connect(server.port, '127.0.0.1');
    socket.write('GET /log/wrong HTTP/1.1\r\nHost: x\r\n\r\n');
    // Resolves because the server closes the connection: the client has not.
    assert.match(await text(socket), /^HTTP\/1\.1 401 [\s\S]*\r\nConnection: close\r\n/);
  });

  it('limits the readers of all logs', async () => {
    await server.close(0);
    await start({ connections: 1 });
    const reader = await open();
    assert.equal(await status(), 503);
    reader.destroy();
  });

  it('serves readers despite 1000 connections without a request', async () => {
    const reader = await open();
    const idle = await idleConnections(server.port, 1000);
    assert.equal(await status(), 200);
    const later = await open();
    log.write('followed');
    await log.close();
    assert.deepEqual([await text(reader), await text(later)], ['followed', 'followed']);
    for (const socket of idle) socket.destroy();
  });

  it('drops a reader of an address with too many in favor of one from elsewhere', async () => {
    await server.close(0);
    await start({ readersPerLog: 2 });
    const readers = [await open(), await open()];
    assert.equal(await status(), 503);
    const cutOff = text(readers[0] ?? assert.fail());
    const [other] = (await once(get(endpoint.url, { agent: false, localAddress: '127.0.0.2' }), 'response')) as [
      IncomingMessage,
    ];
    await assert.rejects(cutOff, { code: 'ECONNRESET' });
    await log.close();
    assert.deepEqual([other.statusCode, await text(readers[1] ?? assert.fail()), await text(other)], [200, '', '']);
  });

  it('serves a reader that closes its half of the connection after the request', async () => {
    const all = askAndHalfClose(server.port, `GET ${new URL(endpoint.url).pathname} HTTP/1.1\r\nHost: x\r\n\r\n`);
    const old = askAndHalfClose(server.port, `GET ${new URL(endpoint.url).pathname} HTTP/1.0\r\n\r\n`);
    log.write('first, ');
    await status();
    log.write('last\n');
    await log.close();
    assert.match(await all, /^HTTP\/1\.1 200 [\s\S]*last\n\r\n0\r\n\r\n$/);
    assert.match(await old, /^HTTP\/1\.1 200 [\s\S]*\r\n\r\nfirst, last\n$/);
  });

  it('closes the connection of an invalid request', async () => {
    const socket = connect(server.port, '127.0.0.1');
    socket.end(`GET /log/x HTTP/1.1\r\nX-Large: ${'x'.repeat(20_000)}\r\n\r\n`);
    assert.match(await text(socket), /^HTTP\/1\.1 431 /);
    const other = connect(server.port, '127.0.0.1');
    other.end('\0\0\0\0\r\n\r\n');
    assert.match(await text(other), /^HTTP\/1\.1 400 /);
    assert.equal(await status(), 200);
  });

  describe('with a certificate', () => {
    let paths: CertificatePaths;
    let secure: LiveLogServer;

    beforeEach(async () => {
      paths = await makeCertificate(dir, 'localhost');
      secure = await startSecurely();
    });
    afterEach(() => secure.close(0));

    const startSecurely = async (limits: Partial<LiveLogLimits> = {}): Promise<LiveLogServer> => {
      const [publicHost, tls] = [new FixedHost('localhost'), await TlsFiles.read(paths)];
      return await LiveLogServer.start({ port: 0, publicHost, tls, log: operatorLog, limits });
    };
    const openSecurely = async (url: string): Promise<IncomingMessage> => {
      const sent = getSecurely(url, { ca: await readFile(paths.certificate), agent: false });
      const [response] = (await once(sent, 'response')) as [IncomingMessage];
      return response;
    };

    it('speaks TLS', async () => {
      const { url } = secure.open(log, SOON);
      assert.match(url, /^https:\/\/localhost:\d+\/log\/[\w-]{43}$/);
      log.write('safe');
      await log.close();
      assert.equal(await openSecurely(url).then(text), 'safe');
    });

    it('uses a renewed certificate from the next run on, also for readers of other logs', async () => {
      const { url } = secure.open(log, SOON);
      const early = await openSecurely(url);
      await makeCertificate(dir, 'localhost');
      const renewed = operatorLog.upcoming('certificate renewed');
      secure.open(log, SOON);
      assert.match(String((await renewed).fields['validTo']), /GMT$/);
      // Only the new certificate is trusted now.
      const late = await openSecurely(url);
      log.write('safe');
      await log.close();
      assert.deepEqual([await text(early), await text(late)], ['safe', 'safe']);
    });

    it('keeps its certificate while the new one is unusable', async () => {
      const good = await readFile(paths.certificate);
      await writeFile(paths.certificate, 'half a certifica');
      const refused = operatorLog.upcoming('renewed certificate not usable');
      const { url } = secure.open(log, SOON);
      await refused;
      await log.close();
      const sent = getSecurely(url, { ca: good, agent: false });
      const [response] = (await once(sent, 'response')) as [IncomingMessage];
      assert.equal(response.statusCode, 200);
      response.resume();
    });

    it('serves readers despite connections without TLS, and lets a reader close its half', async () => {
      const { url } = secure.open(log, SOON);
      const idle = await idleConnections(secure.port, 600);
      const options = { port: secure.port, host: '127.0.0.1', rejectUnauthorized: false, allowHalfOpen: true };
      const socket = connectSecurely(options);
      const all = text(socket);
      socket.end(`GET ${new URL(url).pathname} HTTP/1.1\r\nHost: x\r\n\r\n`);
      const early = await openSecurely(url);
      for (const silent of idle) silent.destroy();
      log.write('safe\n');
      await log.close();
      assert.match(await all, /safe\n\r\n0\r\n\r\n$/);
      assert.equal(await text(early), 'safe\n');
    });

    it('closes connections that never finish the TLS handshake or never send a request', async () => {
      await secure.close(0);
      secure = await startSecurely({ requestMs: 200 });
      const silent = connect(secure.port, '127.0.0.1');
      const mute = connectSecurely({ port: secure.port, host: '127.0.0.1', rejectUnauthorized: false });
      mute.on('error', () => undefined);
      await Promise.all([once(silent.resume(), 'close'), once(mute.resume(), 'close')]);
    });
  });
});
