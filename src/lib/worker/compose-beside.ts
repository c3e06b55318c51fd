import { randomInt } from 'node:crypto';
import { ConfigError } from '../config/config-error.js';
import type { Config } from '../config/config.js';
import type { DockerEngine } from '../docker/engine.js';
import { RunNetworks } from '../docker/run-networks.js';
import { SubnetPool } from '../docker/subnet-pool.js';
import { TaskNetworks } from '../docker/task-networks.js';
import type { SidecarServices } from '../features/sidecars/sidecar.js';
import type { TaskclusterProxyOptions } from '../features/taskcluster-proxy/taskcluster-proxy.js';
import { Upstream } from '../features/taskcluster-proxy/upstream.js';
import type { ImageProvider } from '../images/image-provider.js';

/** What features have beside the containers of tasks: proxies and other containers, and the networks for them. */
export interface Beside {
  /** What all taskcluster proxies of the worker share. */
  readonly proxy: TaskclusterProxyOptions & { readonly upstream: Upstream };
  readonly sidecars: SidecarServices;
}

interface Parts {
  readonly engine: DockerEngine;
  readonly images: ImageProvider;
}

/** Fails with a ConfigError when tasks could not be given what the configuration promises. */
export function composeBeside(config: Config, { engine, images }: Parts): Beside {
  const { task, taskclusterProxy, features, dockerVolume } = config;
  if (features['dind']?.enabled === true && dockerVolume.includes(':')) {
    throw new ConfigError([`dockerVolume: ${dockerVolume} has a colon in it, so that dind can't mount what is there`]);
  }
  const pool = new SubnetPool(task.networkSubnetPool, randomInt(2 ** 20));
  const networks = new RunNetworks(
    new TaskNetworks(engine, pool, `task.networkSubnetPool (${task.networkSubnetPool})`),
  );
  return {
    proxy: { networks, upstream: new Upstream(), maxBodyBytes: taskclusterProxy.maxBodySize },
    sidecars: { engine, images, networks },
  };
}
