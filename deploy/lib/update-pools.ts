import { isDeepStrictEqual } from 'node:util';
import type { WorkerManager } from 'taskcluster-client';
import type { Amis } from './ami-record.js';
import { DeployError } from './deploy-error.js';
import { planPools } from './plan-pools.js';
import type { Origins, PoolChange, PoolPlan } from './plan-pools.js';
import { backupFileIn, writeBackup } from './pool-backup.js';
import type { PoolBackup } from './pool-backup.js';
import { allPages, asked, definitionOf } from './pool-definition.js';
import type { PoolDefinition } from './pool-definition.js';
import { confirm } from './terminal.js';
import type { Terminal } from './terminal.js';
import { terminateWorkers } from './terminate-workers.js';
import { matchesGlob } from '../../src/lib/util/glob.js';

export interface UpdateOptions {
  readonly rootUrl: string;
  /** The new AMIs, by builder and region. */
  readonly made: Readonly<Record<string, Amis>>;
  /** The builders of our AMIs. */
  readonly origins: Origins;
  /** Names of pools, with * for any text; empty for all pools. */
  readonly pools: readonly string[];
  readonly backupDirectory: string;
  readonly isDryRun: boolean;
  /** True to update without asking. */
  readonly isConfirmed: boolean;
  /** True to also stop the workers that run on the old AMIs. */
  readonly isTerminating: boolean;
}

/** Updates worker pools to new AMIs. Throws a DeployError when a step failed; completed changes are in the backup. */
export async function updatePools(options: UpdateOptions, manager: WorkerManager, terminal: Terminal): Promise<void> {
  const plan = planPools(await poolsNamed(options.pools, manager), options.origins, options.made);
  describe(plan, terminal);
  if (plan.problems.length > 0) throw new DeployError(`Nothing was changed:\n${plan.problems.join('\n')}`);
  if (plan.changes.length === 0) {
    terminal.say('There is nothing to change.');
    return;
  }
  if (options.isDryRun) return;
  const question = `Change ${plan.changes.length} worker pools of ${options.rootUrl}?`;
  if (!options.isConfirmed && !(await confirm(terminal, question))) {
    throw new DeployError('Nothing was changed: not confirmed (--yes skips the confirmation).');
  }
  await apply(plan.changes, options, { manager, terminal });
}

interface Deps {
  readonly manager: WorkerManager;
  readonly terminal: Terminal;
}

async function apply(changes: readonly PoolChange[], options: UpdateOptions, deps: Deps): Promise<void> {
  const { rootUrl, backupDirectory, isTerminating } = options;
  const now = new Date();
  const file = backupFileIn(backupDirectory, now);
  const pools: { before: PoolDefinition; after?: PoolDefinition }[] = changes.map(({ before }) => ({ before }));
  const backup: PoolBackup = { rootUrl, made: now.toISOString(), pools };
  await writeBackup(backupDirectory, file, backup);
  deps.terminal.say(`Their current state is saved in ${file} (deploy/bin/rollback-worker-types ${file}).`);
  for (const [index, change] of changes.entries()) {
    const after = await updateOne(change, deps);
    pools[index] = { before: change.before, after };
    await writeBackup(backupDirectory, file, backup);
  }
  if (isTerminating) for (const { before } of changes) await terminateWorkers(before.workerPoolId, deps);
}

/** Updates one pool. The API has no conditional update, so the pool is read again immediately before the change. */
async function updateOne({ before, after }: PoolChange, { manager, terminal }: Deps): Promise<PoolDefinition> {
  const { workerPoolId } = before;
  const now = definitionOf(await asked(`workerPool ${workerPoolId}`, manager.workerPool(workerPoolId)));
  if (!isDeepStrictEqual(now, before)) {
    throw new DeployError(
      `${workerPoolId} was changed by another client in the meantime. Run this program again for the rest.`,
    );
  }
  const updated = await asked(`updateWorkerPool ${workerPoolId}`, manager.updateWorkerPool(workerPoolId, after));
  terminal.say(`${workerPoolId} is updated.`);
  return definitionOf(updated);
}

async function poolsNamed(patterns: readonly string[], manager: WorkerManager): Promise<readonly PoolDefinition[]> {
  const list = allPages((paging) => manager.listWorkerPools(paging));
  const all = (await asked('listWorkerPools', list)).flatMap(({ workerPools }) => workerPools.map(definitionOf));
  const unmatched = patterns.filter((pattern) => !all.some(({ workerPoolId }) => matchesGlob(workerPoolId, pattern)));
  if (unmatched.length > 0) throw new DeployError(`There is no worker pool ${unmatched.join(', ')}.`);
  if (patterns.length === 0) return all;
  return all.filter(({ workerPoolId }) => patterns.some((pattern) => matchesGlob(workerPoolId, pattern)));
}

function describe({ changes, current, foreign }: PoolPlan, terminal: Terminal): void {
  for (const { before, replacements } of changes) {
    terminal.say(before.workerPoolId);
    for (const { region, from, to } of replacements) {
      terminal.say(`  ${region}: - ImageId ${from}`);
      terminal.say(`  ${' '.repeat(region.length)}  + ImageId ${to}`);
    }
  }
  if (current.length > 0) terminal.say(`Up to date: ${current.join(', ')}`);
  if (foreign.length > 0) terminal.say(`Without one of our AMIs: ${foreign.join(', ')}`);
}
