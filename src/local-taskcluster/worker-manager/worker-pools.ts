import { ApiError } from '../http/api-error.js';
import { POOL_CONFIG } from '../schemas/worker-pool-schemas.js';
import type { PoolConfig, PoolDefinition } from '../schemas/worker-pool-schemas.js';
import { LaunchConfigs } from './launch-configs.js';
import type { KeptLaunchConfig } from './launch-configs.js';

/**
 * The providers that pools may have. The provider determines what starts the workers and how they prove their identity.
 */
export const PROVIDERS = [
  { providerId: 'aws', providerType: 'aws' },
  { providerId: 'static', providerType: 'static' },
] as const;

/** The provider of a pool that is marked for deletion. */
const NULL_PROVIDER = 'null-provider';

export interface WorkerPool extends PoolDefinition {
  readonly workerPoolId: string;
  readonly created: string;
  readonly lastModified: string;
}

/** The worker pools, and their launch configurations. */
export class WorkerPools {
  readonly #pools = new Map<string, WorkerPool>();
  readonly #launchConfigs: LaunchConfigs;
  readonly #now: () => Date;

  constructor(now: () => Date) {
    this.#now = now;
    this.#launchConfigs = new LaunchConfigs(now);
  }

  /** Creates a pool. Throws RequestConflict, InputError. */
  create(workerPoolId: string, definition: PoolDefinition): WorkerPool {
    if (this.#pools.has(workerPoolId)) {
      throw new ApiError('RequestConflict', `The worker pool ${workerPoolId} exists already.`);
    }
    const created = this.#now().toJSON();
    return this.#set({ ...definition, workerPoolId, created, lastModified: created });
  }

  /** Changes a pool. Throws ResourceNotFound, RequestConflict, InputError. */
  update(workerPoolId: string, definition: PoolDefinition): WorkerPool {
    const { created } = this.get(workerPoolId);
    const lastModified = this.#now().toJSON();
    return this.#set({ ...definition, workerPoolId, created, lastModified });
  }

  /** Returns the pool. Throws ResourceNotFound. */
  get(workerPoolId: string): WorkerPool {
    const pool = this.#pools.get(workerPoolId);
    if (!pool) throw new ApiError('ResourceNotFound', `There is no worker pool ${workerPoolId}.`);
    return pool;
  }

  list(): readonly WorkerPool[] {
    return [...this.#pools.values()];
  }

  /** Returns the pool's current and former launch configurations. Throws ResourceNotFound. */
  launchConfigs(workerPoolId: string): readonly KeptLaunchConfig[] {
    return this.#launchConfigs.list(this.get(workerPoolId).workerPoolId);
  }

  /** Removes the pool's provider: the pool is deleted with its last worker. Throws ResourceNotFound. */
  markForDeletion(workerPoolId: string): WorkerPool {
    const pool = this.get(workerPoolId);
    const config = pool.config.launchConfigs ? { ...pool.config, launchConfigs: [] } : pool.config;
    return this.update(workerPoolId, { ...pool, config, providerId: NULL_PROVIDER });
  }

  /** Deletes the pool if it is marked for deletion; called when it has no running workers left. */
  dropIfMarked(workerPoolId: string): void {
    if (this.#pools.get(workerPoolId)?.providerId !== NULL_PROVIDER) return;
    this.#pools.delete(workerPoolId);
    this.#launchConfigs.drop(workerPoolId);
  }

  #set(pool: WorkerPool): WorkerPool {
    const allowed: readonly string[] = [NULL_PROVIDER, ...PROVIDERS.map(({ providerId }) => providerId)];
    if (!allowed.includes(pool.providerId)) {
      throw new ApiError('InputError', `There is no provider ${pool.providerId}; there are ${allowed.join(', ')}.`);
    }
    const { providerId, description, owner, emailOnError, workerPoolId, created, lastModified } = pool;
    const config = this.#withIds(workerPoolId, checked(pool.config));
    const kept = { workerPoolId, providerId, description, config, owner, emailOnError, created, lastModified };
    this.#pools.set(workerPoolId, kept);
    return kept;
  }

  #withIds(workerPoolId: string, { launchConfigs, ...config }: PoolConfig): PoolConfig {
    const kept = this.#launchConfigs.replace(workerPoolId, launchConfigs ?? []);
    return launchConfigs === undefined ? config : { ...config, launchConfigs: kept };
  }
}

function checked(config: PoolConfig): PoolConfig {
  const result = POOL_CONFIG.check(config);
  if ('value' in result) return result.value;
  throw new ApiError('InputValidationError', `The pool's config can't be: ${result.problems.join('; ')}`);
}
