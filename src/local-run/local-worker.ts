import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { nice as newSlugid } from 'slugid';
import type { Config } from '../lib/config/config.js';
import type { ConfigTree } from '../lib/config/layers.js';
import { loadConfig } from '../lib/config/load-config.js';
import { DockerodeEngine } from '../lib/docker/dockerode-engine.js';
import { LABEL } from '../lib/docker/engine.js';
import { treeRemover } from '../lib/docker/tree-remover.js';
import { StandaloneHost } from '../lib/host/standalone.js';
import type { Logger } from '../lib/log/logger.js';
import type { MetricsOutput } from '../lib/log/lifecycle-events.js';
import type { Credentials } from '../lib/queue/queue-client.js';
import { delay, untilAborted } from '../lib/util/abortable.js';
import { LinkedAbort } from '../lib/util/linked-abort.js';
import { packageFile } from '../lib/util/package-file.js';
import { removeTree } from '../lib/util/remove-tree.js';
import type { RemoveTree } from '../lib/util/remove-tree.js';
import { makeWorker } from '../lib/worker/compose/worker.js';
import type { Worker } from '../lib/worker/worker.js';

export interface LocalWorkerOptions {
  /** The parent of the worker's folders; default: the directory for temporary files. */
  readonly parent?: string;
  readonly rootUrl: string;
  readonly credentials: Credentials;
  /** Settings that override the packaged defaults. */
  readonly settings?: ConfigTree;
  /** The environment, which may set DOCKER_HOST. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Logger;
  readonly version: string;
  /** Receives the WORKER_METRICS lines. */
  readonly metricsOutput: MetricsOutput;
}

const ABANDON_MS = 5000;
const ABANDON_POLL_MS = 100;
/** The number of polls by which a container that was still being created at the first one has appeared. */
const ABANDON_POLLS = 10;

/**
 * A complete worker in this process, with the packaged defaults and its own folders, which are removed with it. Its
 * worker id is unique, so that it does not treat another worker's containers on this machine as its own.
 */
export class LocalWorker {
  readonly config: Config;
  readonly #worker: Worker;
  readonly #directory: string;
  readonly #log: Logger;
  readonly #running: Promise<void>;

  private constructor(config: Config, worker: Worker, directory: string, log: Logger) {
    this.config = config;
    this.#worker = worker;
    this.#directory = directory;
    this.#log = log;
    this.#running = worker.run();
  }

  /** Starts the worker; it claims once this resolves. Throws a ConfigError when the settings are invalid. */
  static async start(options: LocalWorkerOptions): Promise<LocalWorker> {
    const { log, version, metricsOutput, parent = tmpdir() } = options;
    const directory = await mkdtemp(join(parent, 'docker-worker-'));
    try {
      const config = await configure(options, directory);
      const worker = await makeWorker({ config, host: new StandaloneHost(), log, version, metricsOutput });
      return new LocalWorker(config, worker, directory, log);
    } catch (error) {
      // No container has used it.
      await removeDirectory(directory, removeTree);
      throw error;
    }
  }

  /**
   * Stops the worker; resolves when its runs have ended and its folders are removed. Once `abandon` aborts, that takes
   * at most seconds.
   */
  async stop(mode: 'graceful' | 'immediate', abandon = new AbortController().signal): Promise<void> {
    this.#worker.stop(mode);
    try {
      await untilAborted(this.#running, abandon);
    } catch (error) {
      if (!abandon.aborted) throw error;
      await this.#abandon();
    } finally {
      const { docker, workerId } = this.config;
      const removal = treeRemover(new DockerodeEngine(docker), { [LABEL.workerId]: workerId });
      await removeDirectory(this.#directory, removal);
    }
  }

  /** Removes the containers of its runs in any state until none are left. */
  async #abandon(): Promise<void> {
    this.#worker.stop('immediate');
    const limit = new LinkedAbort();
    limit.abortAfter(ABANDON_MS, () => new Error(`docker did not remove the containers within ${ABANDON_MS / 1000} s`));
    const { workerId, docker } = this.config;
    const ended = this.#running.then(
      () => true,
      () => true,
    );
    const engine = new DockerodeEngine(docker);
    const removeAll = async (): Promise<void> => {
      for (let quietPolls = 0, isOver = false; quietPolls < ABANDON_POLLS && !isOver; quietPolls++) {
        const found = await engine.findContainers({ [LABEL.workerId]: workerId }, limit.signal);
        if (found.length > 0) quietPolls = 0;
        await Promise.all(found.map(({ id }) => engine.removeContainer(id)));
        isOver = await Promise.race([ended, delay(ABANDON_POLL_MS, limit.signal).then(() => false)]);
      }
    };
    try {
      await untilAborted(removeAll(), limit.signal);
    } catch (error) {
      this.#log.error('containers may be orphaned', { label: `${LABEL.workerId}=${workerId}`, error });
    } finally {
      limit.dispose();
    }
  }
}

async function configure({ rootUrl, credentials, settings, env }: LocalWorkerOptions, directory: string) {
  // For this worker only, so that tasks with chain of trust can be tried; no verifier trusts the key.
  const ed25519SigningKeyLocation = join(directory, 'signing-key');
  await writeFile(ed25519SigningKeyLocation, randomBytes(32).toString('base64'), { mode: 0o600 });
  const { config } = await loadConfig({
    packagedConfigPath: packageFile('config.yml'),
    searchDirs: [],
    env,
    machine: { hostname: hostname(), cores: availableParallelism() },
    host: {
      name: 'local worker',
      values: {
        rootUrl,
        taskcluster: { ...credentials },
        workerId: `run-task-${newSlugid()}`,
        dockerVolume: directory,
        stateDir: join(directory, 'state'),
        ed25519SigningKeyLocation,
        // The user is waiting for the task, so it is not delayed until the disk has more space.
        capacityManagement: { diskspaceThreshold: 0 },
        // Only this machine can reach it, and it has no certificate.
        interactive: { ssl: false },
      },
    },
    flags: settings ?? {},
  });
  return config;
}

/**
 * Removes the directory even if an abandoned run still writes into it or a container created files as root: parts that
 * this user may not remove are removed through the engine. Throws an Error that names what is left.
 */
async function removeDirectory(directory: string, removeTreeOf: RemoveTree): Promise<void> {
  const remove = (): Promise<void> => rm(directory, { recursive: true, force: true, maxRetries: 3 });
  try {
    await remove();
  } catch (error) {
    if (!['EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    const parts = (await readdir(directory)).map((name) => removeTreeOf(join(directory, name)));
    await Promise.allSettled(parts);
    await Promise.all(parts);
    await remove();
  }
}
