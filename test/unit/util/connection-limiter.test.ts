import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { connect } from 'node:net';
import { answerHalfClosed } from '../../../src/lib/util/answer-half-closed.js';
import { ConnectionLimiter } from '../../../src/lib/util/connection-limiter.js';
import type { ConnectionLimits } from '../../../src/lib/util/connection-limiter.js';
import { idleConnections } from '../../support/raw-http.js';

const REQUEST = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';

describe('the connection limiter', () => {
  let server: Server;
  let port: number;
  const sockets: Socket[] = [];
  /** Answers of the requests that are held. */
  const held: ServerResponse[] = [];
  let refused = 0;

  const start = async (limits: ConnectionLimits): Promise<void> => {
    server = createServer();
    answerHalfClosed(server);
    const limiter = new ConnectionLimiter(server, limits);
    server.on('request', (request, response) => {
      const release = limiter.hold(request.socket);
      if (release) held.push(response.once('close', release));
      else refused += 1;
      if (!release) response.end('refused');
      else response.write('held');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
  };
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    held.length = 0;
    refused = 0;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const idle = async (count: number, localAddress?: string): Promise<readonly Socket[]> => {
    const more = await idleConnections(port, count, localAddress);
    sockets.push(...more);
    return more;
  };
  const ask = async (localAddress = '127.0.0.1'): Promise<{ readonly socket: Socket; readonly answer: string }> => {
    const socket = connect({ port, host: '127.0.0.1', localAddress });
    socket.on('error', () => undefined);
    sockets.push(socket);
    socket.write(REQUEST);
    const [data] = (await once(socket, 'data')) as [Buffer];
    return { socket: socket.resume(), answer: /held|refused/.exec(data.toString())?.[0] ?? '' };
  };
  const closed = (socket: Socket | undefined): Promise<unknown> =>
    socket?.closed === false ? once(socket, 'close') : Promise.resolve();

  it('closes the oldest idle connection when there is one too many', async () => {
    await start({ waiting: 3, held: 1 });
    const [first, second, third] = await idle(3);
    const { answer } = await ask();
    assert.equal(answer, 'held');
    await closed(first);
    assert.deepEqual([second?.closed, third?.closed], [false, false]);
  });

  it('closes connections of the source that has the most', async () => {
    await start({ waiting: 4, held: 1 });
    const [lone] = await idle(1, '127.0.0.2');
    const many = await idle(10);
    await Promise.all(many.slice(0, 7).map(closed));
    assert.deepEqual(
      [lone, ...many.slice(7)].map((socket) => socket?.closed),
      [false, false, false, false],
    );
  });

  it('keeps a held connection until it is released', async () => {
    await start({ waiting: 2, held: 1 });
    const { socket } = await ask();
    await Promise.all((await idle(10)).slice(0, 8).map(closed));
    assert.equal(socket.closed, false);
    held[0]?.end();
    await once(held[0] ?? assert.fail(), 'close');
    await idle(10);
    await closed(socket);
  });

  it('closes a held connection for another one when its client may be gone', async () => {
    await start({ waiting: 10, held: 2 });
    const [first, second] = [await ask(), await ask()];
    const ended = once((held[1] ?? assert.fail()).req.socket, 'end');
    second.socket.end();
    await ended;
    assert.equal((await ask()).answer, 'held');
    await closed(second.socket);
    assert.equal(first.socket.closed, false);
  });

  it('gives a new source a held connection of the source with the most', async () => {
    await start({ waiting: 10, held: 3 });
    const [first, ...others] = [await ask(), await ask(), await ask()];
    assert.equal((await ask()).answer, 'refused');
    assert.equal((await ask('127.0.0.2')).answer, 'held');
    await closed(first.socket);
    assert.equal((await ask('127.0.0.2')).answer, 'refused');
    assert.equal((await ask('127.0.0.3')).answer, 'held');
    await closed(others[0].socket);
    assert.equal(others[1].socket.closed, false);
    assert.equal(refused, 2);
  });
});
