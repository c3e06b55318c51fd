import { once } from 'node:events';
import { createConnection, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { join } from 'node:path';

/** Passes everything on to the Docker engine, but cuts the connection in the middle of some archives of files. */
export class CuttingEngine {
  readonly socketPath: string;
  /** Archives that were cut. */
  cuts = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(socketPath: string, times: number, afterBytes: number) {
    this.socketPath = socketPath;
    this.#server = createServer();
    this.#server.on('connection', (client) => {
      const engine = createConnection('/var/run/docker.sock');
      for (const socket of [client, engine]) {
        this.#sockets.add(socket);
        socket.on('error', () => undefined).on('close', () => [client, engine].map((end) => end.destroy()));
      }
      let isArchive = false;
      let received = 0;
      client.on('data', (data) => {
        isArchive = /^GET \S*\/archive\?/.test(data.toString('latin1'));
        received = 0;
        engine.write(data);
      });
      engine.on('data', (data) => {
        received += data.length;
        if (!isArchive || this.cuts >= times || received < afterBytes) client.write(data);
        else {
          this.cuts++;
          client.destroy();
        }
      });
    });
  }

  /** The first `times` archives that have so many bytes end there. */
  static async start(directory: string, times: number, afterBytes: number): Promise<CuttingEngine> {
    const engine = new CuttingEngine(join(directory, 'docker.sock'), times, afterBytes);
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
