import assert from 'node:assert/strict';
import { SubnetPool } from '../../src/lib/docker/subnet-pool.js';
import { TaskNetworks } from '../../src/lib/docker/task-networks.js';
import type { TaskNetworksOptions } from '../../src/lib/docker/task-networks.js';

/** What all networks of tests are labelled with. */
export const NETWORK_LABELS = { 'taskcluster.worker-id': 'me' };

/** In the subnets of `cidr`. Unless told otherwise none is kept, and none may be left. */
export function taskNetworks(
  engine: TaskNetworksOptions['engine'],
  cidr: string,
  settings: Partial<TaskNetworksOptions> = {},
): TaskNetworks {
  return new TaskNetworks({
    engine,
    pool: new SubnetPool(cidr),
    poolName: 'the pool',
    labels: NETWORK_LABELS,
    spareMs: 0,
    onLeft: (networkId, error) => assert.fail(`${networkId}: ${String(error)}`),
    ...settings,
  });
}
