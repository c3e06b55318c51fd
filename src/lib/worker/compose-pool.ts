import type { Config } from '../config/config.js';
import type { Host } from '../host/host.js';
import type { Logger } from '../log/logger.js';
import type { CredentialSource } from '../queue/queue-client.js';
import { TaskclusterWorkerManager } from '../host/taskcluster-worker-manager.js';
import { PoolAdvice } from './pool-advice.js';
import { TaskQuota } from './task-quota.js';
import type { WorkerOptions } from './worker.js';

interface Parts {
  readonly host: Pick<Host, 'isManaged'>;
  /** The worker's own. */
  readonly credentials: CredentialSource;
  readonly log: Logger;
}

/** What bounds the life of a worker beside its host: whoever looks after its pool, and the number of its tasks. */
export async function composePool(config: Config, parts: Parts): Promise<Pick<WorkerOptions, 'advice' | 'quota'>> {
  const { numberOfTasksToRun: limit, stateDir } = config;
  const quota = limit > 0 ? await TaskQuota.open({ limit, stateDir, log: parts.log }) : undefined;
  return { quota, advice: poolAdvice(config, parts) };
}

function poolAdvice(config: Config, { host, credentials, log }: Parts): PoolAdvice | undefined {
  const { rootUrl, provisionerId, workerType, workerGroup, workerId, shutdown, taskQueue } = config;
  if (!(shutdown.askWorkerManager ?? host.isManaged === true)) return undefined;
  const manager = new TaskclusterWorkerManager(taskQueue.callTimeout);
  const worker = { workerPoolId: `${provisionerId}/${workerType}`, workerGroup, workerId };
  return new PoolAdvice({
    log,
    ask: (signal) => manager.shouldTerminate({ rootUrl, credentials: credentials.current }, worker, signal),
  });
}
