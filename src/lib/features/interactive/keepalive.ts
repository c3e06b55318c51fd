import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';

/** So many intervals in a row without a sign of life are the end. */
const STRIKES = 4;

interface Watched {
  readonly connection: Socket;
  receivedBytes: number;
  sentBytes: number;
  strikes: number;
}

/** Finds those who left without a word, so that nothing waits for them for ever. */
export class Keepalive {
  readonly #watched = new Map<WebSocket, Watched>();
  readonly #timer: NodeJS.Timeout;

  constructor(intervalMs: number) {
    this.#timer = setInterval(() => {
      for (const [socket, watched] of this.#watched) look(socket, watched);
    }, intervalMs).unref();
  }

  /** Until it closes. `connection` is what it runs on. */
  watch(socket: WebSocket, connection: Socket): void {
    this.#watched.set(socket, { connection, receivedBytes: 0, sentBytes: 0, strikes: 0 });
    socket.once('close', () => this.#watched.delete(socket));
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

/** A slow reader has its answers behind all that it has not read yet: that it takes any of it is sign enough. */
function look(socket: WebSocket, watched: Watched): void {
  const { connection } = watched;
  const waitingBytes = connection.writableLength;
  const receivedBytes = connection.bytesRead;
  const sentBytes = connection.bytesWritten - waitingBytes;
  const isAlive = waitingBytes > 0 ? sentBytes > watched.sentBytes : receivedBytes > watched.receivedBytes;
  // Of whom we don't read there is nothing to be heard; writing to the dead fails some time.
  watched.strikes = isAlive || (socket.isPaused && waitingBytes === 0) ? 0 : watched.strikes + 1;
  Object.assign(watched, { receivedBytes, sentBytes });
  if (watched.strikes >= STRIKES) socket.terminate();
  else if (waitingBytes === 0) socket.ping(undefined, undefined, () => undefined);
}
