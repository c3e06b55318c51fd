import type { ConfigTree } from '../config/layers.js';
import type { Credentials } from '../queue/queue-client.js';
import type { ErrorReport } from './host.js';

/** A worker as worker-manager knows it. */
export interface WorkerIdentity {
  readonly workerPoolId: string;
  readonly workerGroup: string;
  readonly workerId: string;
}

/** What lets a worker work until `expires`, and get more of the same by its `secret`, which is good for one time. */
export interface Registration {
  readonly credentials: Credentials;
  readonly secret: string;
  readonly expires: Date;
}

export interface RegistrationRequest extends WorkerIdentity {
  readonly providerId: string;
  /** As the provider wants it: on EC2 the instance's identity document and its signature. */
  readonly workerIdentityProof: Readonly<Record<string, string>>;
}

/** What worker-manager has decided about a worker. */
export interface TerminationAdvice {
  readonly terminate: boolean;
  /** In words; `none` where nothing has been decided. */
  readonly reason: string;
}

/** The services that make a machine a worker. Each call is one attempt and fails with a ServiceError. */
export interface WorkerManager {
  /** `workerConfig` is what the pool says about configuration, in the form its owners chose. */
  register(
    rootUrl: string,
    request: RegistrationRequest,
    signal: AbortSignal,
  ): Promise<Registration & { readonly workerConfig: ConfigTree }>;
  reregister(
    access: DeploymentAccess,
    worker: WorkerIdentity,
    secret: string,
    signal: AbortSignal,
  ): Promise<Registration>;
  /** Has the machine taken away. */
  removeWorker(access: DeploymentAccess, worker: WorkerIdentity, signal: AbortSignal): Promise<void>;
  /** Whether the pool has too many workers, or ones that are too old, and this is one of them. */
  shouldTerminate(access: DeploymentAccess, worker: WorkerIdentity, signal: AbortSignal): Promise<TerminationAdvice>;
  reportError(
    access: DeploymentAccess,
    worker: WorkerIdentity,
    report: ErrorReport,
    signal: AbortSignal,
  ): Promise<void>;
  /** The content of a secret; undefined: there is none of that name. */
  secret(access: DeploymentAccess, name: string, signal: AbortSignal): Promise<ConfigTree | undefined>;
}

export interface DeploymentAccess {
  readonly rootUrl: string;
  readonly credentials: Credentials;
}
