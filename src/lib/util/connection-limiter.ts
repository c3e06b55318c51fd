import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { SourceShares } from './source-shares.js';

export interface ConnectionLimits {
  /** Connections without a request that is held: they have not asked for anything yet, or have their answer. */
  readonly waiting: number;
  /** Connections with a request that is held. */
  readonly held: number;
}

interface Entry {
  readonly socket: Socket;
  readonly address: string;
  holds: number;
  /** Of the request that is held: with TLS another than that of the connection. */
  requestSocket?: Pick<Socket, 'readableEnded'>;
}

type Address = Pick<Socket, 'remoteAddress' | 'remotePort' | 'localAddress' | 'readableEnded'>;

/**
 * Bounds the connections of an HTTP server so that no number of idle ones keeps others out. One too many closes another,
 * never itself: the oldest waiting one of the source that has the most of those. Held ones are not closed for waiting
 * ones.
 */
export class ConnectionLimiter {
  readonly #limits: ConnectionLimits;
  readonly #entries = new Map<string, Entry>();
  readonly #waiting = new SourceShares<Entry>();
  readonly #held = new SourceShares<Entry>();

  /** To be called before the server listens. */
  constructor(server: Server, limits: ConnectionLimits) {
    this.#limits = limits;
    // For TLS too this comes with the bare connection, before the handshake.
    server.on('connection', (socket: Socket) => {
      if (!socket.destroyed) this.#add(socket);
    });
  }

  /**
   * Keeps a request's connection until the function that this returns is called. When there are as many as may be, one
   * is closed for it: one whose client has closed its half, and so may be gone, or else the oldest of the source with
   * the most. undefined: there is none of the first kind, and no source has more than that of this connection.
   */
  hold(socket: Address): (() => void) | undefined {
    const entry = this.#entries.get(keyOf(socket));
    if (!entry) return undefined;
    if (entry.holds === 0 && this.#held.size >= this.#limits.held) {
      const isHalfClosed = ({ requestSocket }: Entry): boolean => requestSocket?.readableEnded === true;
      const displaced = this.#held.takeFirst(isHalfClosed) ?? this.#held.takeFor(entry.address);
      if (!displaced) return undefined;
      displaced.socket.destroy();
    }
    entry.holds += 1;
    entry.requestSocket = socket;
    this.#waiting.delete(entry.address, entry);
    this.#held.add(entry.address, entry);
    let isHeld = true;
    return () => {
      if (isHeld) this.#release(entry);
      isHeld = false;
    };
  }

  /** Ends all connections, whatever has become of them (TLS, WebSockets). */
  destroyAll(): void {
    for (const { socket } of this.#entries.values()) socket.destroy();
  }

  #add(socket: Socket): void {
    const key = keyOf(socket);
    const entry: Entry = { socket, address: socket.remoteAddress ?? '', holds: 0 };
    this.#entries.set(key, entry);
    socket.once('close', () => {
      this.#waiting.delete(entry.address, entry);
      this.#held.delete(entry.address, entry);
      if (this.#entries.get(key) === entry) this.#entries.delete(key);
    });
    this.#wait(entry);
  }

  #release(entry: Entry): void {
    entry.holds -= 1;
    if (entry.holds > 0 || entry.socket.destroyed) return;
    this.#held.delete(entry.address, entry);
    this.#wait(entry);
  }

  #wait(entry: Entry): void {
    this.#waiting.add(entry.address, entry);
    if (this.#waiting.size > this.#limits.waiting) this.#waiting.takeOldest()?.socket.destroy();
  }
}

/** TLS puts another socket around that of the connection; both have the same addresses. */
function keyOf({ remoteAddress, remotePort, localAddress }: Address): string {
  return `${remoteAddress ?? ''} ${remotePort ?? ''} ${localAddress ?? ''}`;
}
