import { clients, createClient } from 'taskcluster-client';
import type { ClientOptions, Registration as Registered } from 'taskcluster-client';
import type { ConfigTree } from '../config/layers.js';
import type { ErrorReport } from './host.js';
import type {
  DeploymentAccess,
  FirstRegistration,
  Registration,
  RegistrationRequest,
  TerminationAdvice,
  WorkerIdentity,
  WorkerManager,
} from './worker-manager.js';
import { queueCall, assertValid } from '../queue/queue-call.js';
import { dateOf } from '../queue/parse-claim.js';
import { isErrorOf } from '../outcome/service-error.js';

/** The call is newer than the client library, so it is defined here. */
const SHOULD_WORKER_TERMINATE = {
  type: 'function',
  name: 'shouldWorkerTerminate',
  method: 'get',
  route: '/workers/<workerPoolId>/<workerGroup>/<workerId>/should-terminate',
  args: ['workerPoolId', 'workerGroup', 'workerId'],
} as const;

interface AdviceClient {
  readonly shouldWorkerTerminate: (pool: string, group: string, id: string) => Promise<TerminationAdvice | undefined>;
}

const AdviceClient = createClient({
  serviceName: 'worker-manager',
  apiVersion: 'v1',
  entries: [SHOULD_WORKER_TERMINATE],
}) as new (options: ClientOptions) => AdviceClient;

/** Calls worker-manager and secrets through taskcluster-client. */
export class TaskclusterWorkerManager implements WorkerManager {
  readonly #callTimeoutMs: number;

  constructor(callTimeoutMs: number) {
    this.#callTimeoutMs = callTimeoutMs;
  }

  async register(rootUrl: string, request: RegistrationRequest, signal: AbortSignal): Promise<FirstRegistration> {
    const manager = new clients.WorkerManager({ rootUrl, retries: 0, timeout: this.#callTimeoutMs });
    const call = async (): Promise<FirstRegistration> => {
      const { workerConfig, ...registered } = await manager.registerWorker(request);
      return { ...registrationOf(registered), workerConfig };
    };
    return await queueCall('workerManager.registerWorker', call, signal);
  }

  async reregister(
    access: DeploymentAccess,
    worker: WorkerIdentity,
    secret: string,
    signal: AbortSignal,
  ): Promise<Registration> {
    const manager = new clients.WorkerManager(this.#optionsFor(access));
    const { workerPoolId, workerGroup, workerId } = worker;
    const call = async (): Promise<Registration> =>
      registrationOf(await manager.reregisterWorker({ workerPoolId, workerGroup, workerId, secret }));
    return await queueCall('workerManager.reregisterWorker', call, signal);
  }

  async removeWorker(access: DeploymentAccess, worker: WorkerIdentity, signal: AbortSignal): Promise<void> {
    const manager = new clients.WorkerManager(this.#optionsFor(access));
    const { workerPoolId, workerGroup, workerId } = worker;
    const call = (): Promise<unknown> => manager.removeWorker(workerPoolId, workerGroup, workerId);
    await queueCall('workerManager.removeWorker', call, signal);
  }

  async shouldTerminate(
    access: DeploymentAccess,
    worker: WorkerIdentity,
    signal: AbortSignal,
  ): Promise<TerminationAdvice> {
    const manager = new AdviceClient(this.#optionsFor(access));
    const { workerPoolId, workerGroup, workerId } = worker;
    const call = async (): Promise<TerminationAdvice> => {
      const { terminate, reason } = (await manager.shouldWorkerTerminate(workerPoolId, workerGroup, workerId)) ?? {};
      assertValid(typeof terminate === 'boolean' && typeof reason === 'string');
      return { terminate, reason };
    };
    return await queueCall('workerManager.shouldWorkerTerminate', call, signal);
  }

  async reportError(
    access: DeploymentAccess,
    worker: WorkerIdentity,
    report: ErrorReport,
    signal: AbortSignal,
  ): Promise<void> {
    const manager = new clients.WorkerManager(this.#optionsFor(access));
    const { workerPoolId, workerGroup, workerId } = worker;
    const call = (): Promise<unknown> => manager.reportWorkerError(workerPoolId, { ...report, workerGroup, workerId });
    await queueCall('workerManager.reportWorkerError', call, signal);
  }

  async secret(access: DeploymentAccess, name: string, signal: AbortSignal): Promise<ConfigTree | undefined> {
    const secrets = new clients.Secrets(this.#optionsFor(access));
    try {
      return (await queueCall(`secrets.get ${name}`, () => secrets.get(name), signal)).secret;
    } catch (error) {
      if (isErrorOf(error, 'taskcluster', 404)) return undefined;
      throw error;
    }
  }

  #optionsFor(access: DeploymentAccess): ClientOptions {
    return { ...access, retries: 0, timeout: this.#callTimeoutMs };
  }
}

function registrationOf({ credentials, secret, expires }: Registered): Registration {
  const { clientId, accessToken, certificate } = credentials;
  assertValid([clientId, accessToken, secret].every((text) => typeof text === 'string'));
  // Permanent credentials come with an empty certificate, or none.
  const temporary = certificate ? { certificate } : {};
  return { credentials: { clientId, accessToken, ...temporary }, secret, expires: dateOf(expires, 'expires') };
}
