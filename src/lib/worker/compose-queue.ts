import type { Config } from '../config/config.js';
import type { Logger } from '../log/logger.js';
import type { CredentialSource } from '../queue/queue-client.js';
import { TaskclusterQueue } from '../queue/taskcluster-queue.js';

/** The queue as the worker claims from it, with its own credentials. */
export function composeQueue(config: Config, credentials: CredentialSource, log: Logger): TaskclusterQueue {
  const { rootUrl, provisionerId, workerType, workerGroup, workerId, taskQueue } = config;
  return new TaskclusterQueue({
    rootUrl,
    credentials,
    provisionerId,
    workerType,
    workerGroup,
    workerId,
    callTimeoutMs: taskQueue.callTimeout,
    claimTimeoutMs: taskQueue.claimTimeout,
    uploadInactivityMs: config.artifacts.inactivityTimeout,
    onBadClaim: (error) => {
      log.alert('claim cannot be understood', { error });
    },
  });
}
