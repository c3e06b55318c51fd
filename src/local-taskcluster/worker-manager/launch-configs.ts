import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { ApiError } from '../http/api-error.js';
import type { LaunchConfig } from '../schemas/worker-pool-schemas.js';

/** A stored launch configuration; times are ISO strings. */
export interface KeptLaunchConfig {
  readonly launchConfigId: string;
  readonly workerPoolId: string;
  /** True when the pool no longer has it. */
  readonly isArchived: boolean;
  readonly configuration: LaunchConfig;
  readonly created: string;
  readonly lastModified: string;
}

/** The current and former launch configurations of pools. */
export class LaunchConfigs {
  readonly #now: () => Date;
  readonly #pools = new Map<string, ReadonlyMap<string, KeptLaunchConfig>>();

  constructor(now: () => Date) {
    this.#now = now;
  }

  /**
   * Replaces the pool's launch configurations and archives the previous ones. Returns the new ones with their ids.
   * Throws RequestConflict for an id that belongs to a different configuration.
   */
  replace(workerPoolId: string, wanted: readonly LaunchConfig[]): readonly LaunchConfig[] {
    const now = this.#now().toJSON();
    const known = this.#pools.get(workerPoolId) ?? new Map<string, KeptLaunchConfig>();
    const kept = new Map([...known].map(([id, config]) => [id, { ...config, isArchived: true }]));
    for (const launchConfig of wanted) {
      const launchConfigId = idOf(workerPoolId, launchConfig);
      const existing = known.get(launchConfigId);
      if (existing && !isDeepStrictEqual(contentOf(existing.configuration), contentOf(launchConfig))) {
        const problem = `The launch configuration ${launchConfigId} exists already, with another content`;
        throw new ApiError('RequestConflict', `${problem}: give this one another workerManager.launchConfigId.`);
      }
      const configuration = {
        ...launchConfig,
        workerManager: { ...launchConfig.workerManager, launchConfigId },
      };
      const created = existing?.created ?? now;
      const config = { launchConfigId, workerPoolId, isArchived: false, configuration, created, lastModified: now };
      // Moved to the end, so that a pool's launch configurations keep the order in which they were given.
      kept.delete(launchConfigId);
      kept.set(launchConfigId, config);
    }
    this.#pools.set(workerPoolId, kept);
    return [...kept.values()].filter(({ isArchived }) => !isArchived).map(({ configuration }) => configuration);
  }

  list(workerPoolId: string): readonly KeptLaunchConfig[] {
    return [...(this.#pools.get(workerPoolId)?.values() ?? [])];
  }

  /** Removes all launch configurations of the pool. */
  drop(workerPoolId: string): void {
    this.#pools.delete(workerPoolId);
  }
}

/** Returns its own id, or one derived from its content. */
function idOf(workerPoolId: string, config: LaunchConfig): string {
  const given = config.workerManager?.launchConfigId;
  if (given !== undefined) return given;
  const digest = createHash('sha256').update(JSON.stringify([workerPoolId, contentOf(config)]));
  return `lc-${digest.digest('hex').slice(0, 20)}`;
}

/** Returns the configuration without the worker manager's own settings. */
function contentOf(config: LaunchConfig): object {
  return { ...config, workerManager: undefined };
}
