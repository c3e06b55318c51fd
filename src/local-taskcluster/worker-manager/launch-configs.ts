import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { ApiError } from '../http/api-error.js';
import type { LaunchConfig } from '../schemas/worker-pool-schemas.js';

/** A launch configuration as it is kept; times are ISO strings. */
export interface KeptLaunchConfig {
  readonly launchConfigId: string;
  readonly workerPoolId: string;
  /** The pool has it no more. */
  readonly isArchived: boolean;
  readonly configuration: LaunchConfig;
  readonly created: string;
  readonly lastModified: string;
}

/** The launch configurations that pools have, and those that they had. */
export class LaunchConfigs {
  readonly #now: () => Date;
  readonly #pools = new Map<string, ReadonlyMap<string, KeptLaunchConfig>>();

  constructor(now: () => Date) {
    this.#now = now;
  }

  /**
   * From now on the pool has these, and what it had before is archived. Returns them with their ids. Throws
   * RequestConflict for an id that belonged to another one.
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
      // To the end: a pool's launch configurations stay in the order in which they were given.
      kept.delete(launchConfigId);
      kept.set(launchConfigId, config);
    }
    this.#pools.set(workerPoolId, kept);
    return [...kept.values()].filter(({ isArchived }) => !isArchived).map(({ configuration }) => configuration);
  }

  list(workerPoolId: string): readonly KeptLaunchConfig[] {
    return [...(this.#pools.get(workerPoolId)?.values() ?? [])];
  }

  /** Forgets all of them. */
  drop(workerPoolId: string): void {
    this.#pools.delete(workerPoolId);
  }
}

/** Its own id, or one that stays the same as long as its content does. */
function idOf(workerPoolId: string, config: LaunchConfig): string {
  const given = config.workerManager?.launchConfigId;
  if (given !== undefined) return given;
  const digest = createHash('sha256').update(JSON.stringify([workerPoolId, contentOf(config)]));
  return `lc-${digest.digest('hex').slice(0, 20)}`;
}

/** All but what the worker manager keeps for itself. */
function contentOf(config: LaunchConfig): object {
  return { ...config, workerManager: undefined };
}
