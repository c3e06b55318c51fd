import { randomInt } from 'node:crypto';
import type { Config } from '../config/config.js';
import type { DockerEngine } from '../docker/engine.js';
import { SubnetPool } from '../docker/subnet-pool.js';
import { TaskNetworks } from '../docker/task-networks.js';
import type { TaskclusterProxyOptions } from '../features/taskcluster-proxy/taskcluster-proxy.js';
import { Upstream } from '../features/taskcluster-proxy/upstream.js';

/** What all taskcluster proxies of the worker share. */
export function composeTaskclusterProxy(
  { task, taskclusterProxy: { maxBodySize } }: Config,
  engine: DockerEngine,
): TaskclusterProxyOptions & { readonly upstream: Upstream } {
  const pool = new SubnetPool(task.networkSubnetPool, randomInt(2 ** 20));
  const poolName = `task.networkSubnetPool (${task.networkSubnetPool})`;
  return { networks: new TaskNetworks(engine, pool, poolName), upstream: new Upstream(), maxBodyBytes: maxBodySize };
}
