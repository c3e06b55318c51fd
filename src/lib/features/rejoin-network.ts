import type { NetworkShare, RunNetworks } from '../docker/run-networks.js';
import type { Contribution } from '../task/feature.js';
import type { TaskContext } from '../task/task-context.js';
import { reacquire } from './reacquire.js';
import type { Resumed } from './reacquire.js';

export interface Rejoining extends Resumed {
  readonly task: TaskContext;
  readonly networks: Pick<RunNetworks, 'rejoin'>;
  /** What the feature's `prepare` had returned. */
  readonly contribution: Contribution;
  /** The address of the feature's own container in the network, if it has one. */
  readonly own?: string;
}

/** Takes a share of the network that the container of an adopted run is in; throws as `reacquire` does. */
export async function rejoinNetwork(rejoining: Rejoining, signal: AbortSignal): Promise<NetworkShare> {
  const { task, networks, contribution, own } = rejoining;
  const rejoin = async (): Promise<NetworkShare> => {
    if (!contribution.network) throw new Error('none is on record');
    return await networks.rejoin(task, contribution.network, signal, own);
  };
  return await reacquire(rejoining, 'network', rejoin, signal);
}
