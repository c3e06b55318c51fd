import { mkdtemp, rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EngineRelay } from './engine-relay.js';

/** Is given the beginning of each request, `POST /containers/…`; the engine gets the request when it resolves. */
export type Intervention = (request: string) => Promise<void> | undefined;

/** Passes everything on to the Docker engine. What a test wants to happen just before a request, happens then. */
export class InterveningEngine {
  intervene: Intervention = () => undefined;
  readonly #directory: string;
  #relay!: EngineRelay;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async start(enginePath?: string): Promise<InterveningEngine> {
    const directory = await mkdtemp(join(tmpdir(), 'intervening-'));
    const intervening = new InterveningEngine(directory);
    const relay = (client: Socket, engine: Socket): void => {
      engine.pipe(client);
      void intervening.#passOn(client, engine);
    };
    intervening.#relay = await EngineRelay.start(directory, relay, enginePath);
    return intervening;
  }

  get socketPath(): string {
    return this.#relay.socketPath;
  }

  async close(): Promise<void> {
    await this.#relay.close();
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
