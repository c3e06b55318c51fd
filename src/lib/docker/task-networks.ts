import { randomBytes } from 'node:crypto';
import type { DockerEngine, Labels } from './engine.js';
import { DockerError, LABEL } from './engine.js';
import { subnetOf } from './subnet-pool.js';
import type { Subnet, SubnetLease, SubnetPool } from './subnet-pool.js';

/** A network for the containers of one run alone. */
export interface TaskNetwork {
  readonly id: string;
  /** The name by which a container joins it. */
  readonly name: string;
  readonly subnet: Subnet;
  /** Releases it after its containers are gone. Throws a DockerError if it could be neither kept nor removed. */
  dispose(): Promise<void>;
}

export interface TaskNetworksOptions {
  readonly engine: Pick<DockerEngine, 'createNetwork' | 'findNetwork' | 'isIdleNetwork' | 'removeNetwork'>;
  readonly pool: SubnetPool;
  /** The pool's name in error messages. */
  readonly poolName: string;
  /** The labels of every network, by which orphans are found. */
  readonly labels: Labels;
  /** How long a released network is kept for the next run, in ms; 0: not at all. */
  readonly spareMs: number;
  /** Called for each spare network that could not be removed. */
  readonly onLeft: (networkId: string, error: unknown) => void;
}

// Few other networks overlap a well-chosen pool: a task must not search for minutes.
const MAX_OVERLAPS = 200;

interface Network extends Pick<TaskNetwork, 'id' | 'name' | 'subnet'> {
  /** Returns the subnet to the pool; undefined if it is not one of the pool's. */
  readonly release: (() => void) | undefined;
}

/**
 * Creates a network for each run that needs one, from a pool of small subnets, because docker's own pools are soon
 * exhausted. The engine takes a few tenths of a second to create or remove a network, so a released one is kept
 * briefly: the next run gets it, if nothing is attached to it.
 */
export class TaskNetworks {
  readonly #options: TaskNetworksOptions;
  /** In the order of release. */
  readonly #spares = new Map<Network, NodeJS.Timeout>();
  /** Names of all networks that are being created, in use, spare or being removed. */
  readonly #held = new Set<string>();
  /** Removals of expired spares. */
  readonly #removals = new Set<Promise<void>>();
  #left = 0;
  #isClosed = false;

  constructor(options: TaskNetworksOptions) {
    this.#options = options;
  }

  /** Returns whether this object manages the network with these labels: it is not an orphan. */
  holds(labels: Labels): boolean {
    return this.#held.has(labels[LABEL.network] ?? '');
  }

  /** How many spares could not be removed so far; each has become an orphan. */
  get left(): number {
    return this.#left;
  }

  /** Acquires a network; throws a DockerError, retryable if no subnet is free, because other runs release theirs. */
  async take(signal: AbortSignal): Promise<TaskNetwork> {
    return this.#taken((await this.#takeSpare(signal)) ?? (await this.#create(signal)));
  }

  /**
   * Acquires the network with this name, which a previous worker created for a run. Throws a DockerError: one that is
   * not retryable if it is gone or held already.
   */
  async reacquire(name: string, signal: AbortSignal): Promise<TaskNetwork> {
    if (this.#held.has(name)) throw lostNetwork(name, 'is held already');
    // Before it is looked for: the search for orphans must not remove it meanwhile.
    this.#held.add(name);
    let network: Network | undefined;
    try {
      network = await this.#find(name, signal);
    } finally {
      if (!network) this.#held.delete(name);
    }
    return this.#taken(network);
  }

  async #find(name: string, signal: AbortSignal): Promise<Network> {
    const { engine, labels, pool } = this.#options;
    const found = await engine.findNetwork(name, labels, signal);
    if (!found) throw lostNetwork(name, 'is gone');
    const subnet = subnetOf(found.subnet);
    if (!subnet) throw lostNetwork(name, `has the subnet ${found.subnet}, which no worker gives a network`);
    // The pool may be another one than when the network was created.
    return { id: found.id, name, subnet, release: pool.reacquire(subnet.cidr)?.release };
  }

  #taken(network: Network): TaskNetwork {
    const { id, name, subnet } = network;
    return { id, name, subnet, dispose: () => this.#giveBack(network) };
  }

  /** Removes all spares. Networks in use are removed when they are released. */
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
      // Another client removed it, or attached a container to it.
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
      // The caller notices a failing engine when it creates or removes a network.
      return false;
    }
  }

  async #giveBack(network: Network): Promise<void> {
    const { spareMs } = this.#options;
    const isOfPool = network.release !== undefined;
    const isIdle = spareMs > 0 && isOfPool && (await this.#isIdle(network));
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
      `no free network in ${poolName}: ${overlapping.length} of its ${pool.count} subnets overlap ` +
        'other networks of the engine, the others are in use. Remove unused networks, or choose a larger pool.',
    );
  }

  async #tryToCreate({ subnet, release }: SubnetLease): Promise<Network | undefined> {
    const name = `docker-worker-${randomBytes(8).toString('hex')}`;
    const labels = { ...this.#options.labels, [LABEL.network]: name };
    // Before it exists: the search for orphans must not find it first.
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
      // A network that is left is found by its labels; until then the engine reports that it overlaps.
      this.#held.delete(name);
      release?.();
    }
  }
}

function lostNetwork(name: string, what: string): DockerError {
  return new DockerError(`the run's network ${name} ${what}`, undefined, { retryable: false });
}
