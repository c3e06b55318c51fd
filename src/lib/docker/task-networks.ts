import { randomBytes } from 'node:crypto';
import type { DockerEngine, Labels } from './engine.js';
import { DockerError, LABEL } from './engine.js';
import type { Subnet, SubnetPool } from './subnet-pool.js';

/** A network for the containers of one run alone. */
export interface TaskNetwork {
  readonly id: string;
  /** By this a container joins it. */
  readonly name: string;
  readonly subnet: Subnet;
  /** Gives it back, once its containers are gone. Fails with a DockerError when it could be neither kept nor removed. */
  dispose(): Promise<void>;
}

export interface TaskNetworksOptions {
  readonly engine: Pick<DockerEngine, 'createNetwork' | 'isIdleNetwork' | 'removeNetwork'>;
  readonly pool: SubnetPool;
  /** What the pool is called in errors. */
  readonly poolName: string;
  /** What every network carries, for orphans to be found by. */
  readonly labels: Labels;
  /** How long one that was given back is kept for the next run; 0: not at all. */
  readonly spareMs: number;
  /** Hears of each one that was kept and could not be removed. */
  readonly onLeft: (networkId: string, error: unknown) => void;
}

// Networks of others are few, or else the pool is the wrong one: a task must not look for room for minutes.
const MAX_OVERLAPS = 200;

interface Network extends Pick<TaskNetwork, 'id' | 'name' | 'subnet'> {
  readonly release: () => void;
}

/**
 * A network for each run that needs one, from a pool of small subnets: docker's own pools are soon used up. The engine
 * takes a few tenths of a second to make one and to remove one, so that one that was given back is kept for a moment: a
 * run that follows gets it, if nothing is attached to it.
 */
export class TaskNetworks {
  readonly #options: TaskNetworksOptions;
  /** The one that was given back last comes last. */
  readonly #spares = new Map<Network, NodeJS.Timeout>();
  /** Names of all that are being made, in use, spare or being removed. */
  readonly #held = new Set<string>();
  /** Of spares that nobody came for. */
  readonly #removals = new Set<Promise<void>>();
  #left = 0;
  #isClosed = false;

  constructor(options: TaskNetworksOptions) {
    this.#options = options;
  }

  /** Whether a network with these labels is this object's to remove, and not an orphan. */
  holds(labels: Labels): boolean {
    return this.#held.has(labels[LABEL.network] ?? '');
  }

  /** How many spares could not be removed so far: each is an orphan from then on. */
  get left(): number {
    return this.#left;
  }

  /** Fails with a DockerError; it is retryable when no subnet is free, as other runs release theirs. */
  async take(signal: AbortSignal): Promise<TaskNetwork> {
    const { id, name, subnet, release } = (await this.#takeSpare(signal)) ?? (await this.#create(signal));
    return { id, name, subnet, dispose: () => this.#giveBack({ id, name, subnet, release }) };
  }

  /** Resolves when nothing is kept any more. Those in use are removed when they are given back. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const network of [...this.#spares.keys()]) this.#removeSpare(network);
    await Promise.all(this.#removals);
  }

  async #takeSpare(signal: AbortSignal): Promise<Network | undefined> {
    for (;;) {
      signal.throwIfAborted();
      const network = [...this.#spares.keys()].at(-1);
      if (!network) return undefined;
      this.#unspare(network);
      if (await this.#isIdle(network)) return network;
      // Somebody took it away, or put something of theirs into it.
      await this.#removeOrTell(network);
    }
  }

  #unspare(network: Network): void {
    clearTimeout(this.#spares.get(network));
    this.#spares.delete(network);
  }

  async #isIdle({ id }: Network): Promise<boolean> {
    try {
      return await this.#options.engine.isIdleNetwork(id);
    } catch {
      // Whoever wants one hears of an engine in trouble when it makes or removes one.
      return false;
    }
  }

  async #giveBack(network: Network): Promise<void> {
    const { spareMs } = this.#options;
    const isIdle = spareMs > 0 && (await this.#isIdle(network));
    if (this.#isClosed || !isIdle) {
      await this.#remove(network);
      return;
    }
    const timer = setTimeout(() => {
      this.#removeSpare(network);
    }, spareMs);
    timer.unref();
    this.#spares.set(network, timer);
  }

  #removeSpare(network: Network): void {
    this.#unspare(network);
    const removal = this.#removeOrTell(network).finally(() => this.#removals.delete(removal));
    this.#removals.add(removal);
  }

  async #removeOrTell(network: Network): Promise<void> {
    try {
      await this.#remove(network);
    } catch (error) {
      this.#left += 1;
      this.#options.onLeft(network.id, error);
    }
  }

  async #create(signal: AbortSignal): Promise<Network> {
    const { pool, poolName } = this.#options;
    const overlapping: (() => void)[] = [];
    try {
      while (overlapping.length < MAX_OVERLAPS) {
        signal.throwIfAborted();
        const taken = pool.take();
        if (!taken) break;
        const network = await this.#tryToCreate(taken);
        if (network) return network;
        overlapping.push(taken.release);
      }
    } finally {
      for (const release of overlapping) release();
    }
    throw new DockerError(
      `no free network in ${poolName}: ${overlapping.length} of its ${pool.count} subnets were tried and ` +
        'overlap other networks of the engine, the others are in use. Remove networks that nobody needs, or choose a larger pool.',
    );
  }

  async #tryToCreate({
    subnet,
    release,
  }: {
    readonly subnet: Subnet;
    readonly release: () => void;
  }): Promise<Network | undefined> {
    const name = `docker-worker-${randomBytes(8).toString('hex')}`;
    const labels = { ...this.#options.labels, [LABEL.network]: name };
    // Before it is there: whoever looks for orphans must not find it first.
    this.#held.add(name);
    let id: string | undefined;
    try {
      id = await this.#options.engine.createNetwork({ name, subnet: subnet.cidr, gateway: subnet.gateway, labels });
    } catch (error) {
      release();
      throw error;
    } finally {
      if (id === undefined) this.#held.delete(name);
    }
    return id === undefined ? undefined : { id, name, subnet, release };
  }

  async #remove({ id, name, release }: Network): Promise<void> {
    try {
      await this.#options.engine.removeNetwork(id);
    } finally {
      // One that is left is found by its labels; until then the engine says that it overlaps.
      this.#held.delete(name);
      release();
    }
  }
}
