import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';

/** A connection is closed after this many intervals in a row without a sign of life. */
const STRIKES = 4;

interface Watched {
  readonly connection: Socket;
  receivedBytes: number;
  sentBytes: number;
  strikes: number;
}

/** Detects clients that vanished without closing the connection, so that nothing waits for them forever. */
export class Keepalive {
  readonly #watched = new Map<WebSocket, Watched>();
  readonly #timer: NodeJS.Timeout;

  constructor(intervalMs: number) {
    this.#timer = setInterval(() => {
      for (const [socket, watched] of this.#watched) look(socket, watched);
    }, intervalMs).unref();
  }

  /** Watches `socket` until it closes. `connection` is the TCP or TLS connection below it. */
  watch(socket: WebSocket, connection: Socket): void {
    this.#watched.set(socket, { connection, receivedBytes: 0, sentBytes: 0, strikes: 0 });
    socket.once('close', () => this.#watched.delete(socket));
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

/** Checks one client. A slow reader answers pings only after all its unread data, so any progress in reading counts. */
function look(socket: WebSocket, watched: Watched): void {
  const { connection } = watched;
  const waitingBytes = connection.writableLength;
  const receivedBytes = connection.bytesRead;
  const sentBytes = connection.bytesWritten - waitingBytes;
  const isAlive = waitingBytes > 0 ? sentBytes > watched.sentBytes : receivedBytes > watched.receivedBytes;
  // While the socket is paused nothing is read from the client; writing to a dead one fails eventually.
  watched.strikes = isAlive || (socket.isPaused && waitingBytes === 0) ? 0 : watched.strikes + 1;
  Object.assign(watched, { receivedBytes, sentBytes });
  if (watched.strikes >= STRIKES) socket.terminate();
  else if (waitingBytes === 0) socket.ping(undefined, undefined, () => undefined);
}
