import type { Config } from '../config/config.js';
import { DockerodeEngine } from '../docker/dockerode-engine.js';
import type { Logger } from '../log/logger.js';
import { CredentialHolder } from '../queue/credential-holder.js';
import { withTimeout } from '../util/abortable.js';
import { errorMessage } from '../util/error-message.js';
import { checkMachine, joined } from './check-machine.js';
import type { Findings, Surroundings } from './check-machine.js';
import { composeQueue } from './compose-queue.js';

const CHECK_TIMEOUT_MS = 15_000;

/** Everything that would keep the worker, or what tasks may ask it for, from working now. */
export async function checkWorker(config: Config, log: Logger, surroundings: Surroundings): Promise<Findings> {
  const services = checkServices(config, log).then((problems) => ({ problems, warnings: [] }));
  return joined(await Promise.all([checkMachine(config, surroundings), services]));
}

/** Empty when docker and the queue answer. */
async function checkServices(config: Config, log: Logger): Promise<readonly string[]> {
  const engine = new DockerodeEngine(config.docker);
  const queue = composeQueue(config, new CredentialHolder(config.taskcluster), log);
  const reachDocker = async (): Promise<readonly string[]> => {
    await withTimeout('docker ping', CHECK_TIMEOUT_MS, (signal) => engine.ping(signal));
    return [];
  };
  const reachQueue = async (): Promise<readonly string[]> => {
    const missing = await withTimeout('auth.currentScopes', CHECK_TIMEOUT_MS, (signal) => queue.missingScopes(signal));
    return missing.map((scope) => `queue: the credentials lack the scope ${scope}`);
  };
  const results = await Promise.all(
    Object.entries({ docker: reachDocker, queue: reachQueue }).map(async ([service, reach]) => {
      try {
        return await reach();
      } catch (error) {
        log.debug('check failed', { service, error });
        return [`${service}: ${errorMessage(error)}`];
      }
    }),
  );
  return results.flat();
}
