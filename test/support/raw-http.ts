import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { text } from 'node:stream/consumers';

/** Sends `request` as it is, closes its half of the connection at once, and returns all that comes back. */
export async function askAndHalfClose(port: number, request: string): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  socket.end(request);
  return text(socket);
}

/** Connections that say nothing. Some may be closed already when this resolves. */
export async function idleConnections(port: number, count: number, localAddress = '127.0.0.1'): Promise<Socket[]> {
  const sockets: Socket[] = [];
  // No more at once than the system keeps for a server that is busy.
  while (sockets.length < count) {
    const some = Array.from({ length: Math.min(100, count - sockets.length) }, () => {
      const socket = connect({ port, host: '127.0.0.1', localAddress });
      // The server may close any of them.
      socket.on('error', () => undefined);
      return socket.resume();
    });
    await Promise.all(some.map((socket) => once(socket, 'connect')));
    sockets.push(...some);
  }
  return sockets;
}
