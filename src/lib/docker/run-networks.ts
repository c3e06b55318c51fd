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

/** Shares one network among all parts of a run that need one: acquired for the first, released after the last. */
export class RunNetworks {
  readonly #networks: Pick<TaskNetworks, 'take'>;
  readonly #byRun = new Map<string, RunNetwork>();

  constructor(networks: Pick<TaskNetworks, 'take'>) {
    this.#networks = networks;
  }

  /** Acquires a share; fails as TaskNetworks does, for all who wait for it. */
  async join({ taskId, runId }: RunIdentity, signal: AbortSignal): Promise<NetworkShare> {
    const run = `${taskId}/${runId}`;
    const network = this.#byRun.get(run) ?? this.#begin(run, signal);
    network.users += 1;
    try {
      return this.#share(run, network, await network.made);
    } catch (error) {
      this.#leave(run, network);
      throw error;
    }
  }

  #begin(run: string, signal: AbortSignal): RunNetwork {
    const network = { made: this.#networks.take(signal), taken: new Set<string>(), users: 0, next: 0 };
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

  #share(run: string, network: RunNetwork, made: TaskNetwork): NetworkShare {
    const { id, name, subnet } = made;
    let own: string | undefined;
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

function takeAddress(addresses: readonly string[], network: RunNetwork): string {
  const from = network.next % addresses.length;
  const inTurn = [...addresses.slice(from), ...addresses.slice(0, from)];
  const address = inTurn.find((each) => !network.taken.has(each));
  if (address === undefined) throw new Error(`all ${addresses.length} addresses of the run's network are in use`);
  network.next = addresses.indexOf(address) + 1;
  network.taken.add(address);
  return address;
}
