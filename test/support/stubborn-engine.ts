import { EngineRelay } from './engine-relay.js';

/** Passes everything on to the Docker engine, except for requests that it takes and never answers. */
export class StubbornEngine {
  /** Resolves when the first request was ignored. */
  readonly ignored: Promise<void>;
  readonly #relay: EngineRelay;

  private constructor(relay: EngineRelay, ignored: Promise<void>) {
    this.#relay = relay;
    this.ignored = ignored;
  }

  /** `ignores` is compared with the beginning of each request: `POST /containers/…`. */
  static async start(directory: string, ignores: () => RegExp): Promise<StubbornEngine> {
    let markIgnored = (): void => undefined;
    const ignored = new Promise<void>((resolve) => {
      markIgnored = resolve;
    });
    const relay = await EngineRelay.start(directory, (client, engine) => {
      client.on('data', (data) => {
        if (ignores().test(data.toString('latin1'))) markIgnored();
        else engine.write(data);
      });
      client.on('end', () => engine.end());
      engine.pipe(client);
    });
    return new StubbornEngine(relay, ignored);
  }

  get socketPath(): string {
    return this.#relay.socketPath;
  }

  async close(): Promise<void> {
    await this.#relay.close();
  }
}
