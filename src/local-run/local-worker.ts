import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Config } from '../lib/config/config.js';
import type { ConfigTree } from '../lib/config/layers.js';
import { loadConfig } from '../lib/config/load-config.js';
import { StandaloneHost } from '../lib/host/standalone.js';
import type { Logger } from '../lib/log/logger.js';
import type { Credentials } from '../lib/queue/queue-client.js';
import { composeWorker } from '../lib/worker/compose.js';
import type { Worker } from '../lib/worker/worker.js';

export interface LocalWorkerOptions {
  readonly rootUrl: string;
  readonly credentials: Credentials;
  /** Laid over the packaged defaults. */
  readonly settings?: ConfigTree;
  /** Where DOCKER_HOST may be named. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Logger;
  readonly version: string;
  /** Takes the WORKER_METRICS lines. */
  readonly metricsOutput: NodeJS.WritableStream;
}

const PACKAGED_CONFIG = fileURLToPath(new URL('../../config.yml', import.meta.url));

/** A whole worker inside this process, with the packaged defaults and folders of its own that go away with it. */
export class LocalWorker {
  readonly config: Config;
  readonly #worker: Worker;
  readonly #directory: string;
  readonly #running: Promise<void>;

  private constructor(config: Config, worker: Worker, directory: string) {
    this.config = config;
    this.#worker = worker;
    this.#directory = directory;
    this.#running = worker.run();
  }

  /** Claims as soon as it resolves. Fails with a ConfigError when the settings are wrong. */
  static async start(options: LocalWorkerOptions): Promise<LocalWorker> {
    const directory = await mkdtemp(join(tmpdir(), 'docker-worker-'));
    const { config } = await loadConfig({
      packagedConfigPath: PACKAGED_CONFIG,
      searchDirs: [],
      env: options.env,
      machine: { hostname: hostname(), cores: availableParallelism() },
      host: {
        name: 'local worker',
        values: {
          rootUrl: options.rootUrl,
          taskcluster: { ...options.credentials },
          dockerVolume: directory,
          stateDir: join(directory, 'state'),
        },
      },
      flags: options.settings ?? {},
    });
    const { log, version, metricsOutput } = options;
    const worker = await composeWorker({ config, host: new StandaloneHost(), log, version, metricsOutput });
    return new LocalWorker(config, worker, directory);
  }

  /** Ends it; resolves when its runs and its folders are gone. */
  async stop(mode: 'graceful' | 'immediate'): Promise<void> {
    this.#worker.stop(mode);
    await this.#running;
    await rm(this.#directory, { recursive: true, force: true });
  }
}
