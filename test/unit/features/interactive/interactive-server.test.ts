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
  InteractiveLimits,
  ShellEndpoint,
  TaskHandlers,
} from '../../../../src/lib/features/interactive/interactive-server.js';
import { MemoryLogger } from '../../../fakes/memory-logger.js';
import { idleConnections } from '../../../support/raw-http.js';

const takenBy = (connections: Connection[]): TaskHandlers => ({
  shell: (connection) => {
    connections.push(connection);
  },
});

describe('the server of interactive tasks', () => {
  let server: InteractiveServer;
  let endpoint: ShellEndpoint;
  const connections: Connection[] = [];
  const start = async (limits: Partial<InteractiveLimits> = {}, port = 0): Promise<void> => {
    const log = new MemoryLogger();
    server = await InteractiveServer.start({ port, publicHost: new FixedHost('127.0.0.1'), log, limits });
    endpoint = server.open(takenBy(connections), new Date());
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

  it('creates secret addresses, each for one task', async () => {
    await start();
    assert.match(endpoint.url, /^ws:\/\/127\.0\.0\.1:\d+\/[\w-]{43}\/shell\.sock$/);
    const others: Connection[] = [];
    const other = server.open(takenBy(others), new Date());
    assert.notEqual(other.url, endpoint.url);
    assert.equal(await status(`${other.url}?tty=true&command=a&command=b`), 101);
    assert.deepEqual([connections.length, others.length], [0, 1]);
    const [{ query, remoteAddress } = assert.fail()] = others;
    assert.deepEqual([query.getAll('command'), query.get('tty')], [['a', 'b'], 'true']);
    assert.match(remoteAddress, /127\.0\.0\.1/);
  });

  it('lists the displays for pages of any origin, or says why it can’t', async () => {
    await start();
    const seen: Connection[] = [];
    const listed = [Promise.resolve([{ display: ':0', width: 2, height: 1 }]), Promise.reject(new Error('no X'))];
    listed[1]?.catch(() => undefined);
    const connect = (connection: Connection): void => void seen.push(connection);
    const list = (): Promise<unknown> => listed.shift() ?? assert.fail();
    endpoint = server.open({ ...takenBy(connections), displays: { connect, list } }, new Date());
    const [good, bad] = [await fetch(endpoint.displaysUrl), await fetch(endpoint.displaysUrl)];
    assert.deepEqual([good.status, good.headers.get('access-control-allow-origin')], [200, '*']);
    assert.deepEqual(await good.json(), [{ display: ':0', width: 2, height: 1 }]);
    assert.deepEqual([bad.status, await bad.json()], [500, { message: 'The displays could not be listed: no X' }]);
    assert.equal(await status(`${endpoint.displayUrl}?display=:0`), 101);
    assert.deepEqual([connections.length, seen[0]?.query.get('display')], [0, ':0']);
  });

  it('opens a shell only with its own token, and displays only with theirs', async () => {
    await start();
    const seen: Connection[] = [];
    const displays = {
      connect: (connection: Connection): void => void seen.push(connection),
      list: () => Promise.resolve([]),
    };
    const addresses = server.newAddresses(new Date());
    const { shell: shellToken, displays: displayToken } = addresses.tokens;
    endpoint = server.open({ ...takenBy(connections), displays }, new Date(), addresses);
    assert.notEqual(shellToken, displayToken);
    const swapped = (url: string): string =>
      url.includes(shellToken) ? url.replace(shellToken, displayToken) : url.replace(displayToken, shellToken);
    assert.equal(await status(swapped(endpoint.url)), 404);
    assert.equal(await status(swapped(endpoint.displayUrl)), 404);
    assert.equal((await fetch(swapped(endpoint.displaysUrl))).status, 404);
    assert.deepEqual([connections.length, seen.length], [0, 0]);
    endpoint.close();
    for (const url of [endpoint.url, endpoint.displayUrl]) assert.equal(await status(url), 404);
  });

  it('serves the addresses of a server that is gone again', async () => {
    await start();
    const { port } = server;
    const addresses = server.newAddresses(new Date());
    const { url, displayUrl, displaysUrl } = server.open(takenBy(connections), new Date(), addresses);
    await server.close();
    await start({}, port);
    assert.equal(await status(url), 404, 'it was open before it was opened');
    const again = server.open(takenBy(connections), new Date(), addresses);
    assert.deepEqual([again.url, again.displayUrl, again.displaysUrl], [url, displayUrl, displaysUrl]);
    assert.equal(await status(url), 101);
    assert.equal(connections.length, 1);
  });

  it('serves them at its own port, with the same secrets, if that is another one', async () => {
    await start();
    const addresses = { ...server.newAddresses(new Date()), origin: 'http://elsewhere:1' };
    const { url } = server.open(takenBy(connections), new Date(), addresses);
    assert.equal(url, `ws://127.0.0.1:${server.port}/${addresses.tokens.shell}/shell.sock`);
    assert.equal(await status(url), 101);
  });

  it('requests a host name that is valid long enough, each time', async () => {
    const log = new MemoryLogger();
    const publicHost = { hostFor: (expires: Date) => `until-${expires.getTime()}` };
    server = await InteractiveServer.start({ port: 0, publicHost, log });
    for (const time of [1, 2]) {
      const { url } = server.open(takenBy([]), new Date(time));
      assert.equal(new URL(url).hostname, `until-${time}`);
    }
  });

  it('refuses wrong addresses and those of ended tasks', async () => {
    await start();
    const { origin, pathname } = new URL(endpoint.url);
    const token = pathname.replace('/shell.sock', '');
    const paths = ['/', '/x/shell.sock', token, `${token}/shell`, `${token}//shell.sock`];
    for (const path of paths) assert.equal(await status(origin + path), 404, path);
    assert.equal(await status(endpoint.displayUrl), 404, 'a display where there is none');
    const answer = await fetch(endpoint.displaysUrl);
    assert.deepEqual([answer.status, await answer.json()], [404, { message: 'This worker has no displays.' }]);
    assert.equal(await status(endpoint.url), 101);
    endpoint.close();
    assert.equal(await status(endpoint.url), 404);
    assert.equal(connections.length, 1);
  });

  it('tells a browser that the address is a WebSocket', async () => {
    await start();
    const http = endpoint.url.replace(/^ws/, 'http');
    const { status: known, headers } = await fetch(http);
    assert.deepEqual([known, headers.get('upgrade')], [426, 'websocket']);
    assert.equal((await fetch(`${http}/x`, { method: 'POST', body: 'x' })).status, 404);
  });

  it('closes the connection of an invalid or too long request', async () => {
    await start();
    const requests = [
      'nonsense\r\n\r\n',
      `GET /${'x'.repeat(20_000)} HTTP/1.1\r\n\r\n`,
      `GET /x/shell.sock HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
      `GET ${new URL(endpoint.url).pathname} HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n`,
      `GET ${new URL(endpoint.url).pathname} HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n`,
    ];
    for (const request of requests) {
      const socket = connectTo(server.port, '127.0.0.1');
      socket.write(request);
      assert.match(await text(socket), /^HTTP\/1\.1 4\d\d /, request.slice(0, 60));
    }
    assert.equal(connections.length, 0);
  });

  it('closes a connection that sends too long a message', async () => {
    await start({ messageBytes: 1000 });
    const socket = new WebSocket(endpoint.url);
    await once(socket, 'open');
    connections[0]?.socket.on('error', () => undefined);
    socket.send(Buffer.alloc(1001));
    const [code] = (await once(socket, 'close')) as [number];
    assert.equal(code, 1009);
  });

  it('limits the sessions of all tasks', async () => {
    await start({ connections: 1 });
    const socket = new WebSocket(endpoint.url);
    await once(socket, 'open');
    assert.equal(await status(endpoint.url), 503);
    assert.equal((await fetch(endpoint.displaysUrl)).status, 503);
    socket.terminate();
  });

  it('accepts clients and keeps sessions despite 1000 connections without a request', async () => {
    await start();
    const socket = new WebSocket(endpoint.url);
    await once(socket, 'open');
    const idle = await idleConnections(server.port, 1000);
    assert.equal(await status(endpoint.url), 101);
    assert.equal((await fetch(endpoint.displaysUrl)).status, 404);
    assert.equal(socket.readyState, WebSocket.OPEN);
    for (const silent of idle) silent.destroy();
    socket.terminate();
  });

  it('tells a vanished client from one that is still there', async () => {
    await start({ pingMs: 10 });
    const dead = new WebSocket(endpoint.url, { autoPong: false });
    const alive = new WebSocket(endpoint.url);
    await Promise.all([once(dead, 'open'), once(alive, 'open')]);
    await once(dead, 'close');
    for (let pings = 0; pings < 20; pings++) await once(alive, 'ping');
    assert.equal(alive.readyState, WebSocket.OPEN);
    alive.terminate();
  });

  it('disconnects all clients when it closes', async () => {
    await start();
    const socket = new WebSocket(endpoint.url);
    await once(socket, 'open');
    const closed = once(socket, 'close');
    await server.close();
    await closed;
  });
});
