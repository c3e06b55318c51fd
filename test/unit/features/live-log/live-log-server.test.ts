import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { get, request } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import type { LiveLogEndpoint } from '../../../../src/lib/features/live-log/live-log-endpoint.js';
import type { LiveLogLimits } from '../../../../src/lib/features/live-log/live-log-server.js';
import { LiveLogServer } from '../../../../src/lib/features/live-log/live-log-server.js';
import { FixedHost } from '../../../../src/lib/host/public-host.js';
import { TaskLog } from '../../../../src/lib/task-log/writer.js';
import { FakeClock } from '../../../fakes/fake-clock.js';
import { MemoryLogger } from '../../../fakes/memory-logger.js';
import { until } from '../../../support/until.js';

const SOON = new Date('2030-01-01T00:00:00Z');
const LATER = new Date('2030-01-02T00:00:00Z');

describe('LiveLogServer', () => {
  let dir: string;
  let log: TaskLog;
  let operatorLog: MemoryLogger;
  let server: LiveLogServer;
  let endpoint: LiveLogEndpoint;

  const start = async (limits: Partial<LiveLogLimits> = {}): Promise<void> => {
    server = await LiveLogServer.start({
      port: 0,
      host: '127.0.0.1',
      publicHost: new FixedHost('127.0.0.1'),
      log: operatorLog,
      limits,
    });
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
    const token = new URL(endpoint.url).pathname.split('/').pop() ?? '';
    assert.doesNotMatch(JSON.stringify(operatorLog.records), new RegExp(token), 'the token was logged');
  });

  const open = async (url = endpoint.url, headers: Record<string, string> = {}): Promise<IncomingMessage> => {
    const sent = get(url, { headers, agent: false });
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    return response;
  };
  const status = async (url: string, method = 'GET'): Promise<number | undefined> => {
    const sent = request(url, { method, agent: false }).end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    response.resume();
    return response.statusCode;
  };

  it('serves a log from its first byte and follows it to its end', async () => {
    log.write('one ');
    const response = await open();
    assert.equal(response.statusCode, 200);
    assert.equal(response.headers['content-type'], 'text/plain; charset=utf-8');
    assert.equal(response.headers['access-control-allow-origin'], '*');
    assert.equal(response.headers['access-control-expose-headers'], 'Transfer-Encoding');
    assert.equal(response.headers['transfer-encoding'], 'chunked');
    const [first] = (await once(response, 'data')) as [Buffer];
    assert.equal(first.toString(), 'one ');
    const rest = text(response);
    log.write('two ');
    log.write('three');
    await log.close();
    assert.equal(await rest, 'two three');
  });

  it('responds before there is anything to read', async () => {
    assert.equal((await open()).statusCode, 200);
  });

  it('sends a late reader the same as an early one', async () => {
    const bytes = randomBytes(2_000_000);
    const early = open().then(buffer);
    await log.copy(Readable.from([bytes]));
    const late = open().then(buffer);
    await log.close();
    assert.ok(bytes.equals(await early));
    assert.ok(bytes.equals(await late));
    assert.ok(bytes.equals(await open().then(buffer)));
  });

  it('neither waits for a stalled reader nor loses data because of it', async () => {
    const slow = await open();
    slow.pause();
    const bytes = randomBytes(20_000_000);
    await log.copy(Readable.from([bytes]));
    await log.close();
    assert.ok(bytes.equals(await buffer(slow)));
  });

  it('accepts a query string, answers HEAD without a body, and refuses other methods', async () => {
    log.write('text');
    assert.equal(await status(`${endpoint.url}?x=1`), 200);
    assert.equal(await status(endpoint.url, 'HEAD'), 200);
    assert.equal(await status(endpoint.url, 'PUT'), 405);
  });

  it('denies access without the token', async () => {
    const { origin } = new URL(endpoint.url);
    for (const wrong of ['/log/', '/log/wrong', `/log/${randomBytes(32).toString('base64url')}`, '/log/%00%2f..']) {
      assert.equal(await status(origin + wrong), 401, wrong);
    }
    assert.equal(await status(`${endpoint.url}x`), 401);
    assert.equal(await status(endpoint.url.slice(0, -1)), 401);
    for (const other of ['/', '/log', '/other']) assert.equal(await status(origin + other), 404, other);
  });

  it('keeps the logs of two runs apart', async () => {
    const otherLog = await TaskLog.open({ path: path.join(dir, 'other'), now: () => new Date() });
    const other = server.open(otherLog, SOON);
    log.write('mine');
    otherLog.write('yours');
    await Promise.all([log.close(), otherLog.close()]);
    assert.equal(await open().then(text), 'mine');
    assert.equal(await open(other.url).then(text), 'yours');
    assert.notEqual(other.url, endpoint.url);
  });

  describe('with a Range header', () => {
    beforeEach(async () => {
      await log.copy(Readable.from([Buffer.from('0123456789')]));
    });

    it('follows the log from there', async () => {
      const response = await open(endpoint.url, { range: 'bytes=8-' });
      assert.equal(response.statusCode, 206);
      assert.equal(response.headers['content-range'], 'bytes 8-/*');
      log.write('ab');
      await log.close();
      assert.equal(await text(response), '89ab');
    });

    it('resumes at the end', async () => {
      const response = await open(endpoint.url, { range: 'bytes=10-' });
      log.write('ab');
      await log.close();
      assert.equal(await text(response), 'ab');
    });

    it('sends only the part when the range has an end', async () => {
      const response = await open(endpoint.url, { range: 'bytes=2-4' });
      assert.equal(response.statusCode, 206);
      assert.equal(response.headers['content-range'], 'bytes 2-4/*');
      assert.equal(response.headers['content-length'], '3');
      assert.equal(await text(response), '234');
    });

    it('sends the total length once it is known', async () => {
      await log.close();
      const response = await open(endpoint.url, { range: 'bytes=4-' });
      assert.equal(response.headers['content-range'], 'bytes 4-9/10');
      assert.equal(await text(response), '456789');
    });

    it('refuses ranges beyond the end', async () => {
      const response = await open(endpoint.url, { range: 'bytes=11-' });
      assert.equal(response.statusCode, 416);
      assert.equal(response.headers['content-range'], 'bytes */10');
      response.resume();
    });
  });

  describe('after the run', () => {
    let clock: FakeClock;

    beforeEach(() => {
      clock = FakeClock.start();
    });
    afterEach(() => {
      clock.stop();
    });

    it('redirects new readers to the artifact for a minute, then returns 404', async () => {
      endpoint.redirectTo('http://queue.invalid/artifact');
      const response = await open();
      assert.equal(response.statusCode, 303);
      assert.equal(response.headers.location, 'http://queue.invalid/artifact');
      response.resume();
      await clock.advance(59_000);
      assert.equal(await status(endpoint.url), 303);
      await clock.advance(1_000);
      assert.equal(await status(endpoint.url), 404);
    });

    it('returns 404 at once for a log without an artifact', async () => {
      endpoint.close();
      assert.equal(await status(endpoint.url), 404);
    });

    it('remembers the address of an expired log after later logs', async () => {
      endpoint.close();
      server.open(log, SOON);
      assert.equal(await status(endpoint.url), 404);
      assert.equal(await status(endpoint.url, 'PUT'), 405);
    });

    it('serves open readers to the last byte', async () => {
      const bytes = randomBytes(10_000_000);
      const response = await open();
      response.pause();
      await clock.advanceUntil(log.copy(Readable.from([bytes])), 1000, 1);
      await log.close();
      endpoint.redirectTo('http://queue.invalid/artifact');
      await clock.advance(9 * 60_000);
      assert.ok(bytes.equals(await buffer(response)));
    });

    it('disconnects readers that are not done after ten minutes', async () => {
      const response = await open();
      response.pause();
      await clock.advanceUntil(log.copy(Readable.from([randomBytes(20_000_000)])), 1000, 1);
      await log.close();
      endpoint.close();
      await clock.advance(10 * 60_000);
      await assert.rejects(buffer(response), /aborted/);
    });
  });

  it('limits the readers of one log', async () => {
    await server.close(0);
    await start({ readersPerLog: 2 });
    const readers = [await open(), await open()];
    assert.equal(await status(endpoint.url), 503);
    const [first] = readers;
    first?.destroy();
    await until('room for a reader', () => status(endpoint.url, 'HEAD'), { isDone: (code) => code === 200 });
    readers[1]?.destroy();
  });

  it('disconnects a reader that does not read available data', async () => {
    await server.close(0);
    await start({ readersPerLog: 1, stallMs: 50 });
    const dead = await open();
    dead.on('error', () => undefined).pause();
    await log.copy(Readable.from([randomBytes(20_000_000)]));
    await until('room for a reader', () => status(endpoint.url, 'HEAD'), { isDone: (code) => code === 200 });
    dead.destroy();
  });

  it('requests a host name per log, valid until the run is over', async () => {
    const asked: Date[] = [];
    const publicHost = { hostFor: (expires: Date): string => `name-${asked.push(expires)}.example.com` };
    const named = await LiveLogServer.start({ port: 0, host: '127.0.0.1', publicHost, log: operatorLog });
    const hosts = [SOON, LATER].map((expires) => new URL(named.open(log, expires).url).hostname);
    assert.deepEqual(hosts, ['name-1.example.com', 'name-2.example.com']);
    assert.deepEqual(asked, [SOON, LATER]);
    await named.close(0);
  });

  describe('of a worker that continues the run of another', () => {
    /** Starts the next worker's server at a port, and opens the log that the worker before has left. */
    const restart = async (options: { port?: number; preferredPort?: number }): Promise<void> => {
      const { url, token } = endpoint;
      await server.close(0);
      await log.close();
      log = await TaskLog.open({ path: log.path, now: () => new Date() });
      const publicHost = new FixedHost('127.0.0.1');
      server = await LiveLogServer.start({ port: 0, ...options, host: '127.0.0.1', publicHost, log: operatorLog });
      endpoint = server.open(log, LATER, { url, token });
    };

    it('serves the log at the same address, so that readers can go on where they were', async () => {
      const { url, token } = endpoint;
      log.write('0123456789');
      const response = await open();
      const [first] = (await once(response, 'data')) as [Buffer];
      assert.equal(first.toString(), '0123456789');
      const lost = assert.rejects(text(response), /aborted/);
      await restart({ preferredPort: server.port });
      await lost;
      assert.deepEqual([endpoint.url, endpoint.token], [url, token]);
      const continued = await open(url, { range: 'bytes=10-' });
      assert.equal(continued.statusCode, 206);
      assert.equal(continued.headers['content-range'], 'bytes 10-/*');
      const earlier = await open(url, { range: 'bytes=4-' });
      log.write('ab');
      await log.copy(Readable.from([Buffer.from('cd')]));
      await log.close();
      assert.deepEqual(await Promise.all([text(continued), text(earlier)]), ['abcd', '456789abcd']);
      endpoint.close();
      assert.equal(await status(url), 404);
    });

    it('has a new address at another port', async () => {
      const { url } = endpoint;
      await restart({});
      assert.notEqual(endpoint.url, url);
      assert.equal(new URL(endpoint.url).port, String(server.port));
      assert.equal(endpoint.url.includes(new URL(url).pathname), false);
      assert.equal(await status(endpoint.url, 'HEAD'), 200);
    });
  });

  it('disconnects all readers when it closes, and can be closed twice', async () => {
    const response = await open();
    const reading = buffer(response);
    await Promise.all([server.close(0), assert.rejects(reading, /aborted/)]);
    await server.close(0);
    await assert.rejects(open(), { code: 'ECONNREFUSED' });
  });

  it('lets readers finish within the grace period when it closes', async () => {
    const response = await open();
    const reading = text(response);
    const closed = server.close(60_000);
    log.write('the last line\n');
    await log.close();
    assert.match(await reading, /the last line\n$/);
    await closed;
  });

  it('survives a log whose file cannot be read', async () => {
    await rm(log.path);
    const response = await open();
    await assert.rejects(buffer(response), /aborted/);
    assert.equal(await status(endpoint.url, 'HEAD'), 200);
  });
});
