import { once } from 'node:events';
import { createConnection, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { join } from 'node:path';

/** Is given both ends of each connection, and passes on what it likes. */
export type Relaying = (client: Socket, engine: Socket) => void;

/** A socket beside that of the Docker engine, for tests that interfere with what passes between a worker and the engine. */
export class EngineRelay {
  readonly socketPath: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(socketPath: string, enginePath: string, relay: Relaying) {
    this.socketPath = socketPath;
    this.#server = createServer({ allowHalfOpen: true }, (client) => {
      const engine = createConnection({ path: enginePath, allowHalfOpen: true });
      for (const socket of [client, engine]) {
        this.#sockets.add(socket);
        socket.on('error', () => undefined).on('close', () => [client, engine].map((end) => end.destroy()));
      }
      relay(client, engine);
    });
  }

  /** Listens at `docker.sock` in `directory`. */
  static async start(directory: string, relay: Relaying, enginePath = '/var/run/docker.sock'): Promise<EngineRelay> {
    const relayed = new EngineRelay(join(directory, 'docker.sock'), enginePath, relay);
    relayed.#server.listen(relayed.socketPath);
    await once(relayed.#server, 'listening');
    return relayed;
  }

  async close(): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(this.#server, 'close');
  }
}
