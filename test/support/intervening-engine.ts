import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Is given the beginning of each request, `POST /containers/…`; the engine gets the request when it resolves. */
export type Intervention = (request: string) => Promise<void> | undefined;

/** Passes everything on to the Docker engine. What a test wants to happen just before a request, happens then. */
export class InterveningEngine {
  readonly socketPath: string;
  intervene: Intervention = () => undefined;
  readonly #directory: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(directory: string, enginePath: string) {
    this.#directory = directory;
    this.socketPath = join(directory, 'docker.sock');
    this.#server = createServer({ allowHalfOpen: true }, (client) => {
      const engine = createConnection({ path: enginePath, allowHalfOpen: true });
      for (const socket of [client, engine]) {
        this.#sockets.add(socket);
        socket.on('error', () => undefined).on('close', () => [client, engine].map((end) => end.destroy()));
      }
      engine.pipe(client);
      void this.#passOn(client, engine);
    });
  }

  static async start(enginePath = '/var/run/docker.sock'): Promise<InterveningEngine> {
    const engine = new InterveningEngine(await mkdtemp(join(tmpdir(), 'intervening-')), enginePath);
    engine.#server.listen(engine.socketPath);
    await once(engine.#server, 'listening');
    return engine;
  }

  async close(): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(this.#server, 'close');
    await rm(this.#directory, { recursive: true });
  }

  async #passOn(client: Socket, engine: Socket): Promise<void> {
    try {
      for await (const data of client as AsyncIterable<Buffer>) {
        await this.intervene(data.toString('latin1'));
        engine.write(data);
      }
      engine.end();
    } catch {
      engine.destroy();
    }
  }
}
