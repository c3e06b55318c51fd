import { nice as newSlugid } from 'slugid';
import type { Credentials } from '../../lib/queue/queue-client.js';
import type { PermanentClient } from '../auth/client-table.js';
import { sameText } from '../auth/same-text.js';
import { issueCredentials } from '../auth/temporary-credentials.js';
import { ApiError } from '../http/api-error.js';
import type { LaunchConfig } from '../schemas/worker-pool-schemas.js';
import type { RegisterWorkerRequest, WorkerKey } from '../schemas/worker-schemas.js';
import type { WorkerPool, WorkerPools } from './worker-pools.js';
import { nameOf } from './workers.js';
import type { Worker, Workers } from './workers.js';

const DEFAULT_LIFETIME_SECONDS = 96 * 60 * 60;
const CLOCK_SKEW_MS = 15 * 60_000;
// A registered instance is forgotten after a week, as in the real service.
const INSTANCE_LIFETIME_MS = 7 * 24 * 60 * 60_000;

interface Registered {
  readonly expires: string;
  readonly credentials: Required<Credentials>;
  /** The secret for the next registration; valid once. */
  readonly secret: string;
}

interface RegistrationDeps {
  readonly pools: WorkerPools;
  readonly workers: Workers;
  readonly now: () => Date;
  /** Signs the credentials of workers. */
  readonly issuer: PermanentClient;
}

/** Issues credentials to workers that prove their identity. */
export class Registration {
  readonly #deps: RegistrationDeps;

  constructor(deps: RegistrationDeps) {
    this.#deps = deps;
  }

  /** Registers a worker. Throws ResourceNotFound, InputError. */
  register(request: RegisterWorkerRequest): Registered & { readonly workerConfig: object } {
    const pool = this.#deps.pools.get(request.workerPoolId);
    if (pool.providerId !== request.providerId) {
      throw new ApiError('InputError', `The pool ${pool.workerPoolId} is not one of ${request.providerId}.`);
    }
    const worker = this.#identify(request, pool);
    const workerConfig = pool.config.workerConfig ?? launchConfigOf(pool, request)?.workerConfig ?? {};
    return { ...this.#grant(worker, pool), workerConfig };
  }

  /** Renews a registration. Throws an InputError that does not say what was wrong. */
  reregister(key: WorkerKey, secret: string): Registered {
    const worker = this.#deps.workers.find(key);
    if (worker?.state !== 'running' || worker.secret === undefined || !sameText(worker.secret, secret)) {
      throw new ApiError('InputError', 'There are no credentials for this secret.');
    }
    return this.#grant(worker, this.#deps.pools.get(key.workerPoolId));
  }

  #identify(request: RegisterWorkerRequest, pool: WorkerPool): Worker {
    const proof = request.workerIdentityProof;
    const worker = this.#deps.workers.find(request);
    if (request.providerId === 'static') {
      if (!worker) throw new ApiError('ResourceNotFound', `There is no worker ${nameOf(request)}.`);
      if (!('staticSecret' in proof) || !sameText(worker.staticSecret ?? '', proof.staticSecret)) {
        throw new ApiError('InputError', 'The static secret is missing or wrong.');
      }
      if (new Date(worker.expires) < this.#deps.now()) {
        throw new ApiError('InputError', `The worker ${nameOf(request)} has expired.`);
      }
      return worker;
    }
    if (worker)
      throw new ApiError('InputError', `The worker ${nameOf(request)} is ${worker.state}: it registers once.`);
    if (!('document' in proof && 'signature' in proof))
      throw new ApiError('InputError', 'There is no signed instance identity document.');
    checkDocument(proof.document, request);
    const { workerPoolId, workerGroup, workerId, providerId } = request;
    const expires = new Date(this.#deps.now().getTime() + INSTANCE_LIFETIME_MS).toJSON();
    const key = { workerPoolId, workerGroup, workerId };
    const launchConfigId = launchConfigOf(pool, request)?.workerManager?.launchConfigId;
    const origin = { providerId, ...(launchConfigId !== undefined && { launchConfigId }) };
    return this.#deps.workers.create({ ...key, ...origin, expires, capacity: 1, state: 'running' });
  }

  #grant(worker: Worker, { config }: WorkerPool): Registered {
    const { now, workers, issuer } = this.#deps;
    const lifetimeSeconds = config.lifecycle?.reregistrationTimeout ?? DEFAULT_LIFETIME_SECONDS;
    const expiry = new Date(now().getTime() + lifetimeSeconds * 1000);
    const credentials = issueCredentials(issuer, {
      clientId: `worker/${worker.providerId}/${nameOf(worker)}`,
      scopes: workerScopes(worker),
      start: new Date(now().getTime() - CLOCK_SKEW_MS),
      expiry,
    });
    const secret = `${newSlugid()}${newSlugid()}`;
    workers.change(worker, { secret, state: 'running' });
    return { expires: expiry.toJSON(), credentials, secret };
  }
}

function workerScopes(worker: Worker): readonly string[] {
  const { workerPoolId, workerGroup, workerId } = worker;
  return [
    `assume:worker-type:${workerPoolId}`,
    `assume:worker-pool:${workerPoolId}`,
    `assume:worker-id:${workerGroup}/${workerId}`,
    `queue:worker-id:${workerGroup}/${workerId}`,
    `queue:claim-work:${workerPoolId}`,
    `secrets:get:worker-type:${workerPoolId}`,
    `secrets:get:worker-pool:${workerPoolId}`,
    `worker-manager:remove-worker:${nameOf(worker)}`,
    `worker-manager:reregister-worker:${nameOf(worker)}`,
    `worker-manager:should-worker-terminate:${nameOf(worker)}`,
  ];
}

/** Returns the launch configuration for the worker's region, or else the first one. */
function launchConfigOf({ config }: WorkerPool, { workerGroup }: WorkerKey): LaunchConfig | undefined {
  const { launchConfigs = [] } = config;
  return launchConfigs.find(({ region }) => region === workerGroup) ?? launchConfigs[0];
}

/** Checks the document but not its signature: that is Amazon's, and tests have no real instance. */
function checkDocument(document: string, { workerGroup, workerId }: WorkerKey): void {
  const { instanceId, region } = parseDocument(document);
  if (instanceId !== workerId || region !== workerGroup) {
    throw new ApiError(
      'InputError',
      `The document is about instance ${String(instanceId)} in ${String(region)}, not ${workerId} in ${workerGroup}.`,
    );
  }
}

function parseDocument(document: string): { readonly instanceId?: unknown; readonly region?: unknown } {
  try {
    return Object(JSON.parse(document)) as object;
  } catch {
    throw new ApiError('InputError', 'The instance identity document is not JSON.');
  }
}
