import { randomInt } from 'node:crypto';
import { ConfigError } from '../config/config-error.js';
import type { Config } from '../config/config.js';
import type { DockerEngine } from '../docker/engine.js';
import { RunNetworks } from '../docker/run-networks.js';
import { SubnetPool } from '../docker/subnet-pool.js';
import { TaskNetworks } from '../docker/task-networks.js';
import type { TaskclusterProxyOptions } from '../features/taskcluster-proxy/taskcluster-proxy.js';
import { Upstream } from '../features/taskcluster-proxy/upstream.js';

export interface Networking {
  readonly networks: RunNetworks;
  /** What all taskcluster proxies of the worker share. */
  readonly proxy: TaskclusterProxyOptions & { readonly upstream: Upstream };
}

/** What tasks have networks of their own by, and what is in them beside the task. */
export function composeNetworking(config: Config, engine: DockerEngine): Networking {
  const { task, taskclusterProxy, features, dockerVolume } = config;
  if (features['dind']?.enabled === true && dockerVolume.includes(':')) {
    throw new ConfigError([`dockerVolume: ${dockerVolume} has a colon in it, so that dind can't mount what is there`]);
  }
  const pool = new SubnetPool(task.networkSubnetPool, randomInt(2 ** 20));
  const networks = new RunNetworks(
    new TaskNetworks(engine, pool, `task.networkSubnetPool (${task.networkSubnetPool})`),
  );
  return { networks, proxy: { networks, upstream: new Upstream(), maxBodyBytes: taskclusterProxy.maxBodySize } };
}
