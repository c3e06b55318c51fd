import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { SourceShares } from './source-shares.js';

export interface ConnectionLimits {
  /** Limit for connections without a held request: they have not sent a request yet, or have their response. */
  readonly waiting: number;
  /** Limit for connections with a held request. */
  readonly held: number;
}

interface Entry {
  readonly socket: Socket;
  readonly address: string;
  holds: number;
  /** The held request's socket: with TLS, not the same as the connection's. */
  requestSocket?: Pick<Socket, 'readableEnded'>;
}

type Address = Pick<Socket, 'remoteAddress' | 'remotePort' | 'localAddress' | 'readableEnded'>;

/**
 * Bounds the connections of an HTTP server so that idle ones never lock out others. When one too many arrives, another
 * is closed, never the new one: the oldest waiting connection of the source with the most. A held connection is not
 * closed for a waiting one.
 */
export class ConnectionLimiter {
  readonly #limits: ConnectionLimits;
  readonly #entries = new Map<string, Entry>();
  readonly #waiting = new SourceShares<Entry>();
  readonly #held = new SourceShares<Entry>();

  /** Must be created before the server listens. */
  constructor(server: Server, limits: ConnectionLimits) {
    this.#limits = limits;
    // With TLS, this event too carries the plain connection, before the handshake.
    server.on('connection', (socket: Socket) => {
      if (!socket.destroyed) this.#add(socket);
    });
  }

  /**
   * Holds a request's connection until the returned function is called. At the limit, another connection is closed for
   * it: one whose client has closed its half, and so may be gone, or else the oldest of the source with the most.
   * Returns undefined if there is no such half-closed connection and no source holds more than this connection's.
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

  /** Ends all connections, including upgraded ones (TLS, WebSockets). */
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

/** TLS wraps the connection's socket in another one; both have the same addresses. */
function keyOf({ remoteAddress, remotePort, localAddress }: Address): string {
  return `${remoteAddress ?? ''} ${remotePort ?? ''} ${localAddress ?? ''}`;
}
