import type { ConfigTree } from '../../src/lib/config/layers.js';
import type { ErrorReport } from '../../src/lib/host/host.js';
import type {
  DeploymentAccess,
  Registration,
  RegistrationRequest,
  TerminationAdvice,
  WorkerIdentity,
  WorkerManager,
} from '../../src/lib/host/worker-manager.js';

/** worker-manager and secrets, in memory. Errors that are put into `failures` are thrown first, one a call. */
export class FakeWorkerManager implements WorkerManager {
  readonly requests: RegistrationRequest[] = [];
  readonly secrets = new Map<string, ConfigTree>();
  readonly reports: ErrorReport[] = [];
  readonly removed: string[] = [];
  /** What was called, in order. */
  readonly calls: string[] = [];
  failures: Error[] = [];
  workerConfig: ConfigTree = {};
  advice: TerminationAdvice = { terminate: false, reason: 'none' };
  lifetimeMs = 4 * 3600_000;
  #count = 0;

  register(
    _rootUrl: string,
    request: RegistrationRequest,
  ): Promise<Registration & { readonly workerConfig: ConfigTree }> {
    return this.#call('register', () => {
      this.requests.push(request);
      return { ...this.#registration(), workerConfig: this.workerConfig };
    });
  }

  reregister(access: DeploymentAccess, _worker: WorkerIdentity, secret: string): Promise<Registration> {
    return this.#call(`reregister ${access.credentials.clientId} ${secret}`, () => this.#registration());
  }

  removeWorker(_access: DeploymentAccess, { workerPoolId, workerGroup, workerId }: WorkerIdentity): Promise<void> {
    return this.#call('remove', () => {
      this.removed.push(`${workerPoolId}/${workerGroup}/${workerId}`);
    });
  }

  shouldTerminate(access: DeploymentAccess): Promise<TerminationAdvice> {
    return this.#call(`advice ${access.credentials.clientId}`, () => this.advice);
  }

  reportError(_access: DeploymentAccess, _worker: WorkerIdentity, report: ErrorReport): Promise<void> {
    return this.#call('report', () => {
      this.reports.push(report);
    });
  }

  secret(access: DeploymentAccess, name: string): Promise<ConfigTree | undefined> {
    return this.#call(`secret ${name} ${access.credentials.clientId}`, () => this.secrets.get(name));
  }

  #registration(): Registration {
    this.#count += 1;
    return {
      credentials: { clientId: `worker-${this.#count}`, accessToken: 'the-token', certificate: '{}' },
      secret: `secret-${this.#count}`,
      expires: new Date(Date.now() + this.lifetimeMs),
    };
  }

  #call<T>(what: string, answer: () => T): Promise<T> {
    this.calls.push(what);
    const failure = this.failures.shift();
    return failure ? Promise.reject(failure) : Promise.resolve(answer());
  }
}
