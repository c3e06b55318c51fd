import { once } from 'node:events';
import { createConnection, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { join } from 'node:path';

/** Passes everything on to the Docker engine, except for requests that it takes and never answers. */
export class StubbornEngine {
  readonly socketPath: string;
  /** Resolves when the first request was ignored. */
  readonly ignored: Promise<void>;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(socketPath: string, ignores: () => RegExp) {
    this.socketPath = socketPath;
    this.#server = createServer();
    this.ignored = new Promise((resolve) => {
      this.#server.on('connection', (client) => {
        const engine = createConnection('/var/run/docker.sock');
        for (const socket of [client, engine]) {
          this.#sockets.add(socket);
          socket.on('error', () => undefined).on('close', () => [client, engine].map((end) => end.destroy()));
        }
        client.on('data', (data) => {
          if (ignores().test(data.toString('latin1'))) resolve();
          else engine.write(data);
        });
        engine.pipe(client);
      });
    });
  }

  /** `ignores` is compared with the beginning of each request: `POST /containers/…`. */
  static async start(directory: string, ignores: () => RegExp): Promise<StubbornEngine> {
    const engine = new StubbornEngine(join(directory, 'docker.sock'), ignores);
    engine.#server.listen(engine.socketPath);
    await once(engine.#server, 'listening');
    return engine;
  }

  async close(): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(this.#server, 'close');
  }
}
