import { DockerError } from './engine.js';
import type { ContainerNetwork } from './engine.js';
import type { TaskNetwork, TaskNetworks } from './task-networks.js';

/** The run that a network belongs to. */
interface RunIdentity {
  readonly taskId: string;
  readonly runId: number;
}

/** One user's share of a run's network. */
export interface NetworkShare {
  readonly id: string;
  /** The machine's address in it. */
  readonly gateway: string;
  /** The place reserved for the task's container, which is recognized by this address. */
  readonly task: ContainerNetwork;
  /** Returns a place for one container of this user, always the same; throws when no address is left. */
  ownPlace(): ContainerNetwork;
  /**
   * Releases the share. Call it after removing that container. The last share's release removes the network; by then
   * the task's container is gone too.
   */
  dispose(): Promise<void>;
}

/** One network of a run, with the number of its users and the addresses in use. */
interface RunNetwork {
  readonly made: Promise<TaskNetwork>;
  readonly taken: Set<string>;
  users: number;
  /** Counted up, so that a released address is reused last: the engine may still hold it. */
  next: number;
}

/** Where a previous worker placed the task's container and, if it has one, that of the user. */
interface PlacesBefore {
  readonly task: ContainerNetwork;
  readonly own: string | undefined;
}

/** Shares one network among all parts of a run that need one: acquired for the first, released after the last. */
export class RunNetworks {
  readonly #networks: Pick<TaskNetworks, 'take' | 'reacquire'>;
  readonly #byRun = new Map<string, RunNetwork>();

  constructor(networks: Pick<TaskNetworks, 'take' | 'reacquire'>) {
    this.#networks = networks;
  }

  /** Acquires a share; fails as TaskNetworks does, for all who wait for it. */
  async join({ taskId, runId }: RunIdentity, signal: AbortSignal): Promise<NetworkShare> {
    return await this.#enter(`${taskId}/${runId}`, () => this.#networks.take(signal));
  }

  /**
   * Acquires a share as `join` does, for a run whose containers a previous worker placed: `task` is the place of the
   * task's container, `own` the address of this user's container, if it has one. Fails as TaskNetworks.reacquire does,
   * and with a DockerError that is not retryable if these places are not free in that network.
   */
  async rejoin(
    { taskId, runId }: RunIdentity,
    task: ContainerNetwork,
    signal: AbortSignal,
    own?: string,
  ): Promise<NetworkShare> {
    const take = () => this.#networks.reacquire(task.name, signal);
    return await this.#enter(`${taskId}/${runId}`, take, { task, own });
  }

  async #enter(run: string, take: () => Promise<TaskNetwork>, before?: PlacesBefore): Promise<NetworkShare> {
    const network = this.#byRun.get(run) ?? this.#begin(run, take());
    network.users += 1;
    let made: TaskNetwork | undefined;
    try {
      made = await network.made;
      if (before) takePlaces(network, made, before);
      return this.#share(run, network, made, before?.own);
    } catch (error) {
      // A network that could be neither kept nor removed is found as an orphan.
      if (this.#leave(run, network)) await made?.dispose().catch(() => undefined);
      throw error;
    }
  }

  #begin(run: string, made: Promise<TaskNetwork>): RunNetwork {
    const network = { made, taken: new Set<string>(), users: 0, next: 0 };
    this.#byRun.set(run, network);
    return network;
  }

  /** Returns true for the last user: the run then has no network. */
  #leave(run: string, network: RunNetwork): boolean {
    network.users -= 1;
    if (network.users > 0) return false;
    this.#byRun.delete(run);
    return true;
  }

  #share(run: string, network: RunNetwork, made: TaskNetwork, ownBefore: string | undefined): NetworkShare {
    const { id, name, subnet } = made;
    let own = ownBefore;
    let isHeld = true;
    return {
      id,
      gateway: subnet.gateway,
      task: { name, address: subnet.taskAddress },
      ownPlace: () => {
        own ??= takeAddress(subnet.otherAddresses, network);
        return { name, address: own };
      },
      dispose: async () => {
        if (!isHeld) return;
        isHeld = false;
        if (own !== undefined) network.taken.delete(own);
        if (this.#leave(run, network)) await made.dispose();
      },
    };
  }
}

/** Marks the address of the user's container as taken; throws if the network is not the one that had these places. */
function takePlaces(network: RunNetwork, { name, subnet }: TaskNetwork, { task, own }: PlacesBefore): void {
  const isTasks = name === task.name && subnet.taskAddress === task.address;
  const isFree = own === undefined || (subnet.otherAddresses.includes(own) && !network.taken.has(own));
  if (!isTasks || !isFree) {
    const places = `${task.address} in ${task.name}${own === undefined ? '' : ` and ${own}`}`;
    throw new DockerError(`the run's network does not have the places ${places}`, undefined, { retryable: false });
  }
  if (own !== undefined) network.taken.add(own);
}

function takeAddress(addresses: readonly string[], network: RunNetwork): string {
  const from = network.next % addresses.length;
  const inTurn = [...addresses.slice(from), ...addresses.slice(0, from)];
  const address = inTurn.find((each) => !network.taken.has(each));
  if (address === undefined) throw new Error(`all ${addresses.length} addresses of the run's network are in use`);
  network.next = addresses.indexOf(address) + 1;
  network.taken.add(address);
  return address;
}
