import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A unix socket on which a test answers in place of the engine. */
export class EngineSocket {
  readonly server: Server;
  readonly socketPath: string;
  readonly #directory: string;

  private constructor(server: Server, directory: string) {
    this.server = server;
    this.socketPath = join(directory, 'docker.sock');
    this.#directory = directory;
  }

  static async start(answer: RequestListener): Promise<EngineSocket> {
    const socket = new EngineSocket(createServer(answer), await mkdtemp(join(tmpdir(), 'engine-')));
    socket.server.listen(socket.socketPath);
    await once(socket.server, 'listening');
    return socket;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await rm(this.#directory, { recursive: true });
  }
}
