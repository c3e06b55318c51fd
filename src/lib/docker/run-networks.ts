import type { ContainerNetwork } from './engine.js';
import type { TaskNetwork, TaskNetworks } from './task-networks.js';

/** The run that a network is for. */
interface RunIdentity {
  readonly taskId: string;
  readonly runId: number;
}

/** A part that one user of a run's network has in it. */
export interface NetworkShare {
  readonly id: string;
  /** The machine's address in it. */
  readonly gateway: string;
  /** The place of the task's container, and of no other: by this address it is known. */
  readonly task: ContainerNetwork;
  /** A place for one container of this user's, the same each time; fails when there is none left. */
  ownPlace(): ContainerNetwork;
  /** To be called once that container is gone. The network goes with its last user; the task's container is gone by then. */
  dispose(): Promise<void>;
}

/** One network of a run: how many use it, and which of its addresses are theirs. */
interface RunNetwork {
  readonly made: Promise<TaskNetwork>;
  readonly taken: Set<string>;
  users: number;
  /** Counted up, so that an address that was given back is the last to be used again: the engine may still have it. */
  next: number;
}

/** One network for each run that needs one, whichever parts of the run need it: taken for the first, given back with the last. */
export class RunNetworks {
  readonly #networks: Pick<TaskNetworks, 'take'>;
  readonly #byRun = new Map<string, RunNetwork>();

  constructor(networks: Pick<TaskNetworks, 'take'>) {
    this.#networks = networks;
  }

  /** Fails as TaskNetworks does, for all who wait for it. */
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

  /** True for the last one: from here on the run has no network. */
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
