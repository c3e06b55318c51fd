import type { Config } from '../../config/config.js';
import type { WorkerFacts } from '../../task/task-context.js';

/** Returns what tasks can see of a worker with this configuration. */
export function workerFacts(config: Config, version: string): WorkerFacts {
  const { provisionerId, workerType, workerGroup, workerId, workerNodeType } = config;
  const { instanceId, instanceType, region, publicIp, privateIp, rootUrl, host, workerLocation } = config;
  const identity = { provisionerId, workerType, workerGroup, workerId, workerNodeType };
  const machine = { instanceId, instanceType, region, publicIp, privateIp, hostname: host, workerLocation };
  return { ...identity, ...machine, rootUrl, version };
}
