import { randomBytes } from 'node:crypto';
import type { DockerEngine, Labels } from './engine.js';
import type { Subnet, SubnetPool } from './subnet-pool.js';

/** A network for the containers of one run alone. */
export interface TaskNetwork {
  readonly id: string;
  /** By this a container joins it. */
  readonly name: string;
  readonly subnet: Subnet;
  /** Removes it, once its containers are gone. */
  dispose(): Promise<void>;
}

// Networks of others are few, or else the pool is the wrong one: a task must not look for room for minutes.
const MAX_OVERLAPS = 200;

/** Makes a network for each run that needs one, from a pool of small subnets: docker's own pools are soon used up. */
export class TaskNetworks {
  readonly #engine: Pick<DockerEngine, 'createNetwork' | 'removeNetwork'>;
  readonly #pool: SubnetPool;
  readonly #poolName: string;

  /** `poolName`: what the pool is called in errors. */
  constructor(engine: Pick<DockerEngine, 'createNetwork' | 'removeNetwork'>, pool: SubnetPool, poolName: string) {
    this.#engine = engine;
    this.#pool = pool;
    this.#poolName = poolName;
  }

  /** Fails with a DockerError, or when no subnet is free. By `labels` leftovers are found. */
  async create(labels: Labels, signal: AbortSignal): Promise<TaskNetwork> {
    const overlapping: (() => void)[] = [];
    try {
      while (overlapping.length < MAX_OVERLAPS) {
        signal.throwIfAborted();
        const taken = this.#pool.take();
        if (!taken) break;
        const network = await this.#tryToCreate(taken, labels);
        if (network) return network;
        overlapping.push(taken.release);
      }
    } finally {
      for (const release of overlapping) release();
    }
    throw new Error(
      `no free network in ${this.#poolName}: ${overlapping.length} of its ${this.#pool.count} subnets were tried and ` +
        'overlap other networks of the engine, the others are in use. Remove networks that nobody needs, or choose a larger pool.',
    );
  }

  async #tryToCreate(
    { subnet, release }: { readonly subnet: Subnet; readonly release: () => void },
    labels: Labels,
  ): Promise<TaskNetwork | undefined> {
    const name = `docker-worker-${randomBytes(8).toString('hex')}`;
    let id: string | undefined;
    try {
      id = await this.#engine.createNetwork({ name, subnet: subnet.cidr, gateway: subnet.gateway, labels });
    } catch (error) {
      release();
      throw error;
    }
    if (id === undefined) return undefined;
    return { id, name, subnet, dispose: () => this.#remove(id, release) };
  }

  async #remove(id: string, release: () => void): Promise<void> {
    try {
      await this.#engine.removeNetwork(id);
    } finally {
      // One that is left is found by its labels; until then the engine says that it overlaps.
      release();
    }
  }
}
