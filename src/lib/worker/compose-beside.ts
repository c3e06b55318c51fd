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
import type { Logger } from '../log/logger.js';
import { workerLabels } from '../task/phases/container-spec.js';
import type { WorkerFacts } from '../task/task-context.js';
import { composeInteractive } from './compose-interactive.js';
import type { WorkerInteractive } from './compose-interactive.js';
import type { IsUntouched } from './not-set-up.js';

/** What features have beside the containers of tasks: servers, other containers, and the networks for them. */
export interface Beside {
  /** What all taskcluster proxies of the worker share. */
  readonly proxy: TaskclusterProxyOptions;
  readonly sidecars: SidecarServices;
  readonly interactive: WorkerInteractive;
  readonly networks: Pick<TaskNetworks, 'holds'>;
  /** To be called when no run is left. */
  close(): Promise<void>;
}

interface Parts {
  readonly engine: DockerEngine;
  readonly images: ImageProvider;
  readonly log: Logger;
  readonly facts: WorkerFacts;
  /** Something that was made for a run could not be removed. */
  readonly onOrphan: () => void;
  readonly isUntouched: IsUntouched;
}

/** So long a network waits for the next task: one that is pending comes at once. */
const SPARE_NETWORK_MS = 5_000;

/** Fails with a ConfigError when tasks could not be given what the configuration promises. */
export async function composeBeside(config: Config, parts: Parts): Promise<Beside> {
  const { engine, images, log } = parts;
  const { taskclusterProxy, features, dockerVolume } = config;
  if (features['dind']?.enabled === true && dockerVolume.includes(':')) {
    throw new ConfigError([`dockerVolume: ${dockerVolume} has a colon in it, so that dind can't mount what is there`]);
  }
  const taskNetworks = composeNetworks(config, parts);
  const networks = new RunNetworks(taskNetworks);
  const upstream = new Upstream();
  const interactive = await composeInteractive(config, log, parts.isUntouched);
  return {
    proxy: { networks, upstream, maxBodyBytes: taskclusterProxy.maxBodySize },
    sidecars: { engine, images, networks },
    interactive,
    networks: taskNetworks,
    close: async () => {
      upstream.close();
      await interactive.close();
      await taskNetworks.close();
    },
  };
}

function composeNetworks({ task }: Config, { engine, log, facts, onOrphan }: Parts): TaskNetworks {
  return new TaskNetworks({
    engine,
    pool: new SubnetPool(task.networkSubnetPool, randomInt(2 ** 20)),
    poolName: `task.networkSubnetPool (${task.networkSubnetPool})`,
    labels: workerLabels(facts),
    spareMs: SPARE_NETWORK_MS,
    onLeft: (networkId, error) => {
      log.error('could not release', { what: 'network', networkId, error });
      onOrphan();
    },
  });
}
