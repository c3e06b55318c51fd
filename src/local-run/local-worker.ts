import { randomBytes } from 'node:crypto';
import { access, constants, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Config } from '../lib/config/config.js';
import { DockerodeEngine } from '../lib/docker/dockerode-engine.js';
import { endKeepersBelow } from '../lib/docker/output-keeper.js';
import { LABEL } from '../lib/docker/engine.js';
import type { DockerEngine } from '../lib/docker/engine.js';
import { treeRemover } from '../lib/docker/tree-remover.js';
import { StandaloneHost } from '../lib/host/standalone.js';
import type { Logger } from '../lib/log/logger.js';
import type { MetricsOutput } from '../lib/log/lifecycle-events.js';
import type { Feature } from '../lib/task/feature.js';
import { delay, untilAborted } from '../lib/util/abortable.js';
import { LinkedAbort } from '../lib/util/linked-abort.js';
import { removeTree } from '../lib/util/remove-tree.js';
import type { RemoveTree } from '../lib/util/remove-tree.js';
import { makeWorker } from '../lib/worker/compose/worker.js';
import type { Worker } from '../lib/worker/worker.js';
import { SIGNING_KEY, localConfig } from './local-config.js';
import type { LocalConfigOptions } from './local-config.js';
import { observedEngine } from './observed-engine.js';
import type { ContainerObserver } from './observed-engine.js';

export interface LocalWorkerOptions extends LocalConfigOptions {
  /** The parent of the worker's folders; default: the directory for temporary files. */
  readonly parent?: string;
  readonly log: Logger;
  readonly version: string;
  /** Receives the WORKER_METRICS lines. */
  readonly metricsOutput: MetricsOutput;
  /** Who observes the containers of tasks. */
  readonly observer?: ContainerObserver;
  /** Features besides the worker's own; they decide for each task whether they do anything. */
  readonly features?: readonly Feature[];
  /** Whether another worker will use the caches, which settings place outside of this worker's folders. */
  readonly keepsCaches?: boolean;
}

interface Parts {
  readonly config: Config;
  readonly worker: Worker;
  readonly engine: DockerEngine;
  readonly directory: string;
  readonly log: Logger;
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
  readonly #engine: DockerEngine;
  readonly #directory: string;
  readonly #log: Logger;
  readonly #running: Promise<void>;

  private constructor({ config, worker, engine, directory, log }: Parts) {
    this.config = config;
    this.#worker = worker;
    this.#engine = engine;
    this.#directory = directory;
    this.#log = log;
    this.#running = worker.run();
  }

  /**
   * Starts the worker; it claims once this resolves. Throws a ConfigError when the settings are invalid, and an Error when
   * this user may not use the engine.
   */
  static async start(options: LocalWorkerOptions): Promise<LocalWorker> {
    const { log, version, metricsOutput, observer, parent = tmpdir() } = options;
    const { features: moreFeatures, keepsCaches: isCacheStatePortable = false } = options;
    const directory = await mkdtemp(join(parent, 'docker-worker-'));
    try {
      const config = await configure(options, directory);
      await assertEngineIsOpen(config);
      const own = new DockerodeEngine(config.docker);
      const engine = observer ? observedEngine(own, observer) : own;
      const setup = { config, host: new StandaloneHost(), log, version, metricsOutput, engine };
      const worker = await makeWorker({ ...setup, moreFeatures, isCacheStatePortable });
      return new LocalWorker({ config, worker, engine, directory, log });
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
      const removal = treeRemover(this.#engine, { [LABEL.workerId]: this.config.workerId });
      // Those of containers that an abandoned run has not started.
      await endKeepersBelow(this.#directory);
      await removeDirectory(this.#directory, removal);
    }
  }

  /** Removes the containers of its runs in any state until none are left. */
  async #abandon(): Promise<void> {
    this.#worker.stop('immediate');
    const limit = new LinkedAbort();
    limit.abortAfter(ABANDON_MS, () => new Error(`docker did not remove the containers within ${ABANDON_MS / 1000} s`));
    const { workerId } = this.config;
    const engine = this.#engine;
    const ended = this.#running.then(
      () => true,
      () => true,
    );
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

/** A worker waits for an engine that does not answer; for one that this user may not use it would wait forever. */
async function assertEngineIsOpen({ docker }: Config): Promise<void> {
  if (!('socketPath' in docker)) return;
  try {
    await access(docker.socketPath, constants.R_OK | constants.W_OK);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EACCES') return;
    throw new Error(
      `your user may not use the Docker engine at ${docker.socketPath}. Join the group that may, usually with ` +
        '`sudo usermod --append --groups docker "$USER"` and a new login; its members can become root on this machine',
      { cause },
    );
  }
}

async function configure(options: LocalWorkerOptions, directory: string): Promise<Config> {
  // For this worker only, so that tasks with chain of trust can be tried; no verifier trusts the key.
  const signingKeyPath = join(directory, SIGNING_KEY);
  await writeFile(signingKeyPath, randomBytes(32).toString('base64'), { mode: 0o600 });
  return await localConfig(options, directory);
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
