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
  readonly isConfirmed: boolean;
  /** True to also restore pools that were changed since the update. */
  readonly isForced: boolean;
  readonly isTerminating: boolean;
}

type Verdict = 'updated' | 'nothing to restore' | 'changed since the update';

interface Deps {
  readonly manager: WorkerManager;
  readonly terminal: Terminal;
}

/**
 * Restores worker pools to their state before an update. Throws a DeployError when a pool was skipped because it was
 * changed since then, or could not be changed; the others are still restored.
 */
export async function rollbackPools(backup: PoolBackup, options: RollbackOptions, deps: Deps): Promise<void> {
  const { terminal } = deps;
  const verdicts: { readonly pool: PoolBackup['pools'][number]; readonly verdict: Verdict }[] = [];
  for (const pool of backup.pools) verdicts.push({ pool, verdict: await verdictOn(pool, deps.manager) });
  const isWanted = (verdict: Verdict): boolean =>
    verdict === 'updated' || (options.isForced && verdict === 'changed since the update');
  for (const { pool, verdict } of verdicts) {
    terminal.say(`${pool.before.workerPoolId}: ${isWanted(verdict) ? `${verdict}, to be restored` : verdict}`);
  }
  const wanted = verdicts.filter(({ verdict }) => isWanted(verdict)).map(({ pool }) => pool.before);
  const left = verdicts.filter(({ verdict }) => verdict === 'changed since the update' && !options.isForced);
  if (wanted.length > 0 && !options.isDryRun) await restoreAll(wanted, backup.rootUrl, { options, deps });
  if (left.length === 0) return;
  throw new DeployError(
    `These pools were not restored because they were changed after the update (--force restores them too): ` +
      left.map(({ pool }) => pool.before.workerPoolId).join(', '),
  );
}

async function verdictOn({ before, after }: PoolBackup['pools'][number], manager: WorkerManager): Promise<Verdict> {
  const { workerPoolId } = before;
  const now = definitionOf(await asked(`workerPool ${workerPoolId}`, manager.workerPool(workerPoolId)));
  if (isDeepStrictEqual(now, before)) return 'nothing to restore';
  return isDeepStrictEqual(now, after) ? 'updated' : 'changed since the update';
}

async function restoreAll(
  wanted: readonly PoolDefinition[],
  rootUrl: string,
  { options, deps }: { readonly options: RollbackOptions; readonly deps: Deps },
): Promise<void> {
  const { manager, terminal } = deps;
  if (!options.isConfirmed && !(await confirm(terminal, `Restore ${wanted.length} worker pools of ${rootUrl}?`))) {
    throw new DeployError('Nothing was changed: not confirmed (--yes skips the confirmation).');
  }
  const failures: string[] = [];
  for (const before of wanted) {
    const { workerPoolId } = before;
    try {
      await asked(`updateWorkerPool ${workerPoolId}`, manager.updateWorkerPool(workerPoolId, before));
      terminal.say(`${workerPoolId} is restored.`);
      if (options.isTerminating) await terminateWorkers(workerPoolId, deps);
    } catch (error) {
      if (!(error instanceof DeployError)) throw error;
      failures.push(error.message);
    }
  }
  if (failures.length > 0) throw new DeployError(failures.join('\n'));
}
