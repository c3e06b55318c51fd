import type { Socket } from 'node:net';
import { EngineRelay } from './engine-relay.js';

/** Passes everything on to the Docker engine, but cuts the connection in the middle of some archives of files. */
export class CuttingEngine {
  /** Archives that were cut. */
  cuts = 0;
  #relay!: EngineRelay;

  /** The first `times` archives that have so many bytes end there. */
  static async start(directory: string, times: number, afterBytes: number): Promise<CuttingEngine> {
    const cutting = new CuttingEngine();
    const relay = (client: Socket, engine: Socket): void => {
      let isArchive = false;
      let received = 0;
      client.on('data', (data) => {
        isArchive = /^GET \S*\/archive\?/.test(data.toString('latin1'));
        received = 0;
        engine.write(data);
      });
      client.on('end', () => engine.end());
      engine.on('data', (data) => {
        received += data.length;
        if (!isArchive || cutting.cuts >= times || received < afterBytes) client.write(data);
        else {
          cutting.cuts++;
          client.destroy();
        }
      });
      engine.on('end', () => client.end());
    };
    cutting.#relay = await EngineRelay.start(directory, relay);
    return cutting;
  }

  get socketPath(): string {
    return this.#relay.socketPath;
  }

  async close(): Promise<void> {
    await this.#relay.close();
  }
}
