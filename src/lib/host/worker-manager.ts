import type { ConfigTree } from '../config/layers.js';
import type { Credentials } from '../queue/queue-client.js';
import type { ErrorReport } from './host.js';

/** The identity of a worker in worker-manager. */
export interface WorkerIdentity {
  readonly workerPoolId: string;
  readonly workerGroup: string;
  readonly workerId: string;
}

/** Credentials that are valid until `expires`, with a `secret` for renewing them once. */
export interface Registration {
  readonly credentials: Credentials;
  readonly secret: string;
  readonly expires: Date;
}

/** The first registration, with the pool's configuration in the form its owners chose. */
export interface FirstRegistration extends Registration {
  readonly workerConfig: ConfigTree;
}

export interface RegistrationRequest extends WorkerIdentity {
  readonly providerId: string;
  /** The proof that the provider expects: on EC2 the instance's identity document and its signature. */
  readonly workerIdentityProof: Readonly<Record<string, string>>;
}

/** What worker-manager has decided about a worker. */
export interface TerminationAdvice {
  readonly terminate: boolean;
  /** The reason as text; `none` if worker-manager has not decided. */
  readonly reason: string;
}

/** The services that make a machine a worker. Each call makes one attempt and throws a ServiceError if it fails. */
export interface WorkerManager {
  register(rootUrl: string, request: RegistrationRequest, signal: AbortSignal): Promise<FirstRegistration>;
  reregister(
    access: DeploymentAccess,
    worker: WorkerIdentity,
    secret: string,
    signal: AbortSignal,
  ): Promise<Registration>;
  /** Makes worker-manager remove the machine. */
  removeWorker(access: DeploymentAccess, worker: WorkerIdentity, signal: AbortSignal): Promise<void>;
  /** Asks whether this worker should end because its pool has too many workers or this one is too old. */
  shouldTerminate(access: DeploymentAccess, worker: WorkerIdentity, signal: AbortSignal): Promise<TerminationAdvice>;
  reportError(
    access: DeploymentAccess,
    worker: WorkerIdentity,
    report: ErrorReport,
    signal: AbortSignal,
  ): Promise<void>;
  /** Returns the content of a secret; undefined if it does not exist. */
  secret(access: DeploymentAccess, name: string, signal: AbortSignal): Promise<ConfigTree | undefined>;
}

export interface DeploymentAccess {
  readonly rootUrl: string;
  readonly credentials: Credentials;
}
