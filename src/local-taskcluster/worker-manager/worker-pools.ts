import { nice as newSlugid } from 'slugid';
import { ApiError } from '../http/api-error.js';
import type { PoolDefinition, WorkerErrorReport } from '../schemas/worker-pool-schemas.js';

/** The providers that pools may have: what starts their workers, and how these show who they are. */
export const PROVIDERS = [
  { providerId: 'aws', providerType: 'aws' },
  { providerId: 'static', providerType: 'static' },
] as const;

/** The provider of a pool that is to go. */
const NULL_PROVIDER = 'null-provider';

export interface WorkerPool extends PoolDefinition {
  readonly workerPoolId: string;
  readonly created: string;
  readonly lastModified: string;
}

interface PoolError {
  readonly workerPoolId: string;
  readonly errorId: string;
  readonly reported: string;
  readonly kind: string;
  readonly title: string;
  readonly description: string;
  readonly extra: Readonly<Record<string, unknown>>;
}

/** The worker pools, and the errors that their workers reported. */
export class WorkerPools {
  readonly #pools = new Map<string, WorkerPool>();
  readonly #errors: PoolError[] = [];
  readonly #now: () => Date;

  constructor(now: () => Date) {
    this.#now = now;
  }

  /** Throws RequestConflict, InputError. */
  create(workerPoolId: string, definition: PoolDefinition): WorkerPool {
    if (this.#pools.has(workerPoolId)) {
      throw new ApiError('RequestConflict', `The worker pool ${workerPoolId} exists already.`);
    }
    const created = this.#now().toJSON();
    return this.#set({ ...definition, workerPoolId, created, lastModified: created });
  }

  /** Throws ResourceNotFound, InputError. */
  update(workerPoolId: string, definition: PoolDefinition): WorkerPool {
    const { created } = this.get(workerPoolId);
    const lastModified = this.#now().toJSON();
    return this.#set({ ...definition, workerPoolId, created, lastModified });
  }

  /** Throws ResourceNotFound. */
  get(workerPoolId: string): WorkerPool {
    const pool = this.#pools.get(workerPoolId);
    if (!pool) throw new ApiError('ResourceNotFound', `There is no worker pool ${workerPoolId}.`);
    return pool;
  }

  list(): readonly WorkerPool[] {
    return [...this.#pools.values()];
  }

  /** Takes away the provider: the pool goes with its last worker. Throws ResourceNotFound. */
  markForDeletion(workerPoolId: string): WorkerPool {
    return this.update(workerPoolId, { ...this.get(workerPoolId), providerId: NULL_PROVIDER });
  }

  /** To be called when a pool has no workers that run: removes it if it is to go. */
  dropIfMarked(workerPoolId: string): void {
    if (this.#pools.get(workerPoolId)?.providerId === NULL_PROVIDER) this.#pools.delete(workerPoolId);
  }

  /** Throws ResourceNotFound. */
  reportError(workerPoolId: string, { workerGroup, workerId, ...error }: WorkerErrorReport): PoolError {
    this.get(workerPoolId);
    const extra = { ...error.extra, workerGroup, workerId };
    const reported = { workerPoolId, errorId: newSlugid(), reported: this.#now().toJSON(), ...error, extra };
    this.#errors.push(reported);
    return reported;
  }

  errorsOf(workerPoolId: string): readonly PoolError[] {
    return this.#errors.filter((error) => error.workerPoolId === workerPoolId);
  }

  #set(pool: WorkerPool): WorkerPool {
    const allowed: readonly string[] = [NULL_PROVIDER, ...PROVIDERS.map(({ providerId }) => providerId)];
    if (!allowed.includes(pool.providerId)) {
      throw new ApiError('InputError', `There is no provider ${pool.providerId}; there are ${allowed.join(', ')}.`);
    }
    const { providerId, description, config, owner, emailOnError, workerPoolId, created, lastModified } = pool;
    const kept = { workerPoolId, providerId, description, config, owner, emailOnError, created, lastModified };
    this.#pools.set(workerPoolId, kept);
    return kept;
  }
}
