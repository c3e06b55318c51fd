import { LABEL } from '../docker/engine.js';
import type { DockerEngine, Labelled, Labels } from '../docker/engine.js';
import type { LogFields, Logger } from '../log/logger.js';
import { untilAborted } from '../util/abortable.js';
import { errorMessage } from '../util/error-message.js';
import { LinkedAbort } from '../util/linked-abort.js';
import type { GarbageSource } from './garbage-source.js';
import { runOf } from './open-runs.js';
import type { OpenRuns } from './open-runs.js';
import { RetryingRemoval } from './retrying-removal.js';
import type { Removable } from './retrying-removal.js';
import type { StaleContainers } from './stale-containers.js';

export interface OrphansDeps {
  readonly engine: Pick<
    DockerEngine,
    'ping' | 'findContainers' | 'findNetworks' | 'removeNetwork' | 'findVolumes' | 'removeVolume'
  >;
  /** Throws while another worker uses the engine under the same labels: its objects would look abandoned. */
  readonly lock: { acquire(signal: AbortSignal): Promise<void> };
  readonly stale: Pick<StaleContainers, 'remove'>;
  readonly journal: OpenRuns;
  readonly networks: {
    /** Returns whether the network with these labels is in use or kept for the next run. */
    holds(labels: Labels): boolean;
    /** How many kept networks could not be removed so far. */
    readonly left: number;
  };
  readonly log: Logger;
  /** The labels of every engine object that this worker creates. */
  readonly labels: Labels;
}

/**
 * Containers, networks and volumes that carry this worker's labels and belong to none of its runs: a previous worker
 * left them when it died, or they could not be removed when their run ended. The worker looks for them before the first
 * claim, before later claims when it has reason to, and in each collection.
 */
export class Orphans implements GarbageSource {
  readonly name = 'orphans';
  readonly #deps: OrphansDeps;
  readonly #containers: RetryingRemoval;
  readonly #networks: RetryingRemoval;
  readonly #volumes: RetryingRemoval;
  #suspicions = 1;
  /** How many of the reasons to search a completed search has covered. */
  #answered = 0;
  #removal: Promise<void> | undefined;

  constructor(deps: OrphansDeps) {
    this.#deps = deps;
    this.#containers = new RetryingRemoval('container', deps.log);
    this.#networks = new RetryingRemoval('network', deps.log);
    this.#volumes = new RetryingRemoval('volume', deps.log);
  }

  /** How many reasons to search there were. */
  get #reasons(): number {
    return this.#suspicions + this.#deps.networks.left;
  }

  /** Notes that an object could not be removed: the worker looks for orphans before the next claim. */
  suspect(): void {
    this.#suspicions += 1;
  }

  /** Removes what it finds now; failures are left to the next search. */
  async remove(signal: AbortSignal): Promise<void> {
    try {
      await this.checkReady(signal);
    } catch (error) {
      this.#deps.log.warn('orphans not removed', { error: errorMessage(error) });
    }
  }

  /** Checks that the engine can run a task now: it responds, and no finished run's objects take up its space. */
  async checkReady(signal: AbortSignal): Promise<void> {
    const { engine } = this.#deps;
    try {
      await engine.ping(signal);
    } catch (error) {
      this.suspect();
      throw error;
    }
    // A claim does not wait for a search without a reason, such as that of each collection.
    while (this.#answered < this.#reasons) await untilAborted(this.#look(), signal);
  }

  async collect(_isDiskShort: () => Promise<boolean>, signal: AbortSignal): Promise<void> {
    await untilAborted(this.#look(), signal);
  }

  /** Searches to the end even when its callers stop waiting. Each of its calls has a time limit. */
  #look(): Promise<void> {
    this.#removal ??= this.#removeAll();
    return this.#removal;
  }

  async #removeAll(): Promise<void> {
    const reasons = this.#reasons;
    try {
      // Never aborted; unlike a plain AbortSignal of Node it accepts one listener per removal.
      await this.#removeUnclaimed(new LinkedAbort().signal);
      this.#answered = reasons;
    } finally {
      this.#removal = undefined;
    }
  }

  async #removeUnclaimed(signal: AbortSignal): Promise<void> {
    const { engine, labels, lock } = this.#deps;
    await lock.acquire(signal);
    const containers = await engine.findContainers(labels, signal);
    const removeContainer = (id: string): Promise<void> => this.#deps.stale.remove(id, signal);
    await this.#containers.removeEach(this.#abandoned(containers), removeContainer, signal);
    // Networks and volumes are removed after the containers that use them.
    const networks = await engine.findNetworks(labels, signal);
    const left = networks.filter((network) => !this.#deps.networks.holds(network.labels));
    await this.#networks.removeEach(this.#abandoned(left), (id) => engine.removeNetwork(id), signal);
    const volumes = await engine.findVolumes(labels, signal);
    await this.#volumes.removeEach(this.#abandoned(volumes), (id) => engine.removeVolume(id), signal);
  }

  #abandoned(found: readonly Labelled[]): readonly Removable[] {
    return found
      .filter(({ labels }) => !this.#deps.journal.isOpen(runOf(labels)))
      .map((each) => ({ ...each, facts: factsOf(each.labels) }));
  }
}

/** Networks are not labelled with a run, because several runs use them one after another. */
function factsOf(labels: Labels): LogFields {
  const run = labels[LABEL.taskId] === undefined ? {} : runOf(labels);
  return { ...run, reason: 'left by a run that is over' };
}
