import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { connect as connectTo } from 'node:net';
import { text } from 'node:stream/consumers';
import { WebSocket } from 'ws';
import { FixedHost } from '../../../../src/lib/host/public-host.js';
import { InteractiveServer } from '../../../../src/lib/features/interactive/interactive-server.js';
import type {
  Connection,
  Endpoint,
  InteractiveLimits,
  Route,
} from '../../../../src/lib/features/interactive/interactive-server.js';
import { MemoryLogger } from '../../../fakes/memory-logger.js';

describe('the server of interactive tasks', () => {
  let server: InteractiveServer;
  let endpoint: Endpoint;
  const connections: Connection[] = [];
  const read = { json: (): Promise<unknown> => Promise.resolve([{ display: ':0' }]) };
  const open = (accepted: Connection[], expires = new Date()): Endpoint => {
    const routes = new Map<string, Route>([
      ['shell.sock', { kind: 'socket', accept: (connection) => void accepted.push(connection) }],
      ['displays', { kind: 'json', read: () => read.json() }],
    ]);
    return server.open(routes, expires);
  };
  const start = async (limits: Partial<InteractiveLimits> = {}): Promise<void> => {
    const log = new MemoryLogger();
    server = await InteractiveServer.start({ port: 0, publicHost: new FixedHost('127.0.0.1'), log, limits });
    endpoint = open(connections);
  };
  afterEach(async () => {
    connections.length = 0;
    await server.close();
    await server.close();
  });

  const status = async (url: string, options = {}): Promise<number | undefined> => {
    const socket = new WebSocket(url, options);
    const opened = once(socket, 'open').then(() => 101);
    const refused = once(socket, 'unexpected-response').then((args) => (args[1] as IncomingMessage).statusCode);
    opened.catch(() => undefined);
    refused.catch(() => undefined);
    const result = await Promise.race([opened, refused]);
    socket.on('error', () => undefined).terminate();
    return result;
  };

  it('hands out addresses that nobody can guess, each for one task', async () => {
    await start();
    assert.match(endpoint.urlOf('shell.sock'), /^ws:\/\/127\.0\.0\.1:\d+\/[\w-]{22}\/shell\.sock$/);
    const others: Connection[] = [];
    const other = open(others);
    assert.notEqual(other.urlOf('shell.sock'), endpoint.urlOf('shell.sock'));
    assert.equal(await status(`${other.urlOf('shell.sock')}?tty=true&command=a&command=b`), 101);
    assert.deepEqual([connections.length, others.length], [0, 1]);
    const [{ query, remoteAddress } = assert.fail()] = others;
    assert.deepEqual([query.getAll('command'), query.get('tty')], [['a', 'b'], 'true']);
    assert.match(remoteAddress, /127\.0\.0\.1/);
  });

  it('asks each time for a name of the machine that is good for long enough', async () => {
    const log = new MemoryLogger();
    const publicHost = { hostFor: (expires: Date) => `until-${expires.getTime()}` };
    server = await InteractiveServer.start({ port: 0, publicHost, log });
    for (const time of [1, 2]) {
      const { hostname } = new URL(open([], new Date(time)).urlOf('shell.sock'));
      assert.equal(hostname, `until-${time}`);
    }
  });

  it('does not know addresses that are wrong, nor those of tasks that have ended', async () => {
    await start();
    const { origin } = new URL(endpoint.urlOf('shell.sock'));
    const paths = [
      '/',
      '/x/shell.sock',
      `/${endpoint.token}`,
      `/${endpoint.token}/shell`,
      `/${endpoint.token}//shell.sock`,
      `/${endpoint.token}/displays`,
      `/${endpoint.token}/constructor`,
    ];
    for (const path of paths) assert.equal(await status(origin + path), 404, path);
    assert.equal(await status(endpoint.urlOf('shell.sock')), 101);
    endpoint.close();
    assert.equal(await status(endpoint.urlOf('shell.sock')), 404);
    assert.equal(connections.length, 1);
  });

  it('tells a browser that there is no page', async () => {
    await start();
    const http = endpoint.urlOf('shell.sock').replace(/^ws/, 'http');
    const { status: known, headers } = await fetch(http);
    assert.deepEqual([known, headers.get('upgrade')], [426, 'websocket']);
    assert.equal((await fetch(`${http}/x`, { method: 'POST', body: 'x' })).status, 404);
  });

  it('answers with JSON that any page may read, to those who only read', async () => {
    await start();
    const url = endpoint.urlOf('displays');
    assert.match(url, new RegExp(`^http://127.0.0.1:\\d+/${endpoint.token}/displays$`));
    const response = await fetch(`${url}?x=y`);
    assert.equal(response.status, 200);
    const headers = ['content-type', 'access-control-allow-origin', 'cache-control'].map((name) =>
      response.headers.get(name),
    );
    assert.deepEqual(headers, ['application/json; charset=utf-8', '*', 'no-store']);
    assert.deepEqual(await response.json(), [{ display: ':0' }]);
    assert.equal((await fetch(url, { method: 'POST', body: 'x' })).status, 405);
    read.json = () => Promise.reject(new Error('it is out of order'));
    const failed = await fetch(url);
    assert.deepEqual(
      [failed.status, failed.headers.get('access-control-allow-origin'), await failed.text()],
      [500, '*', 'it is out of order\n'],
    );
    endpoint.close();
    assert.equal((await fetch(url)).status, 404);
  });

  it('hangs up on requests that are none, or too long', async () => {
    await start();
    const requests = [
      'nonsense\r\n\r\n',
      `GET /${'x'.repeat(20_000)} HTTP/1.1\r\n\r\n`,
      `GET /x/shell.sock HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
      `GET ${new URL(endpoint.urlOf('shell.sock')).pathname} HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n`,
      `GET ${new URL(endpoint.urlOf('shell.sock')).pathname} HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n`,
    ];
    for (const request of requests) {
      const socket = connectTo(server.port, '127.0.0.1');
      socket.write(request);
      assert.match(await text(socket), /^HTTP\/1\.1 4\d\d /, request.slice(0, 60));
    }
    assert.equal(connections.length, 0);
  });

  it('ends a connection that sends too long a message', async () => {
    await start({ messageBytes: 1000 });
    const socket = new WebSocket(endpoint.urlOf('shell.sock'));
    await once(socket, 'open');
    connections[0]?.socket.on('error', () => undefined);
    socket.send(Buffer.alloc(1001));
    const [code] = (await once(socket, 'close')) as [number];
    assert.equal(code, 1009);
  });

  it('limits the connections of all', async () => {
    await start({ connections: 1 });
    const socket = connectTo(server.port, '127.0.0.1');
    await once(socket, 'connect');
    await assert.rejects(fetch(endpoint.urlOf('shell.sock').replace(/^ws/, 'http')));
    socket.destroy();
  });

  it('finds out that a client is not there any more, and that one is', async () => {
    await start({ pingMs: 10 });
    const dead = new WebSocket(endpoint.urlOf('shell.sock'), { autoPong: false });
    const alive = new WebSocket(endpoint.urlOf('shell.sock'));
    await Promise.all([once(dead, 'open'), once(alive, 'open')]);
    await once(dead, 'close');
    for (let pings = 0; pings < 20; pings++) await once(alive, 'ping');
    assert.equal(alive.readyState, WebSocket.OPEN);
    alive.terminate();
  });

  it('cuts everybody off when it closes', async () => {
    await start();
    const socket = new WebSocket(endpoint.urlOf('shell.sock'));
    await once(socket, 'open');
    const closed = once(socket, 'close');
    await server.close();
    await closed;
  });
});
