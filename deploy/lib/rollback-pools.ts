import { isDeepStrictEqual } from 'node:util';
import type { WorkerManager } from 'taskcluster-client';
import { DeployError } from './deploy-error.js';
import type { PoolBackup } from './pool-backup.js';
import { asked, definitionOf } from './pool-definition.js';
import type { PoolDefinition } from './pool-definition.js';
import { confirm } from './terminal.js';
import type { Terminal } from './terminal.js';
import { terminateWorkers } from './terminate-workers.js';

export interface RollbackOptions {
  readonly isDryRun: boolean;
  readonly isAgreed: boolean;
  /** True to also restore pools that were changed since the update. */
  readonly isForced: boolean;
  readonly isTerminating: boolean;
}

type Verdict = 'restore' | 'as before' | 'changed since';

interface Means {
  readonly manager: WorkerManager;
  readonly terminal: Terminal;
}

/**
 * Restores worker pools to their state before an update. Throws a DeployError when a pool was skipped because it was
 * changed since then, or could not be changed; the others are still restored.
 */
export async function rollbackPools(backup: PoolBackup, options: RollbackOptions, means: Means): Promise<void> {
  const { terminal } = means;
  const verdicts: { readonly pool: PoolBackup['pools'][number]; readonly verdict: Verdict }[] = [];
  for (const pool of backup.pools) verdicts.push({ pool, verdict: await judge(pool, means.manager) });
  const isWanted = (verdict: Verdict): boolean =>
    verdict === 'restore' || (options.isForced && verdict === 'changed since');
  for (const { pool, verdict } of verdicts) {
    terminal.say(`${pool.before.workerPoolId}: ${isWanted(verdict) ? `${verdict}, to be restored` : verdict}`);
  }
  const wanted = verdicts.filter(({ verdict }) => isWanted(verdict)).map(({ pool }) => pool.before);
  const left = verdicts.filter(({ verdict }) => verdict === 'changed since' && !options.isForced);
  if (wanted.length > 0 && !options.isDryRun) await restoreAll(wanted, backup.rootUrl, { options, means });
  if (left.length === 0) return;
  throw new DeployError(
    `These pools were not restored because they were changed after the update (--force restores them too): ` +
      left.map(({ pool }) => pool.before.workerPoolId).join(', '),
  );
}

async function judge({ before, after }: PoolBackup['pools'][number], manager: WorkerManager): Promise<Verdict> {
  const { workerPoolId } = before;
  const now = definitionOf(await asked(`workerPool ${workerPoolId}`, manager.workerPool(workerPoolId)));
  if (isDeepStrictEqual(now, before)) return 'as before';
  return isDeepStrictEqual(now, after) ? 'restore' : 'changed since';
}

async function restoreAll(
  wanted: readonly PoolDefinition[],
  rootUrl: string,
  { options, means }: { readonly options: RollbackOptions; readonly means: Means },
): Promise<void> {
  const { manager, terminal } = means;
  if (!options.isAgreed && !(await confirm(terminal, `Restore ${wanted.length} worker pools of ${rootUrl}?`))) {
    throw new DeployError('Nothing was changed: it was not confirmed (--yes skips the question).');
  }
  const failures: string[] = [];
  for (const before of wanted) {
    const { workerPoolId } = before;
    try {
      await asked(`updateWorkerPool ${workerPoolId}`, manager.updateWorkerPool(workerPoolId, before));
      terminal.say(`${workerPoolId} is restored.`);
      if (options.isTerminating) await terminateWorkers(workerPoolId, means);
    } catch (error) {
      if (!(error instanceof DeployError)) throw error;
      failures.push(error.message);
    }
  }
  if (failures.length > 0) throw new DeployError(failures.join('\n'));
}
