import type { WorkerManager } from 'taskcluster-client';
import { DeployError } from './deploy-error.js';
import { allPages, asked } from './pool-definition.js';
import type { Terminal } from './terminal.js';

interface Deps {
  readonly manager: WorkerManager;
  readonly terminal: Terminal;
}

/**
 * Removes all running and requested workers of a pool. Their tasks are resolved as `worker-shutdown` or, at the latest,
 * when their claims expire, and are rerun. Throws a DeployError that lists the workers that could not be removed.
 */
export async function terminateWorkers(workerPoolId: string, { manager, terminal }: Deps): Promise<void> {
  const list = allPages((paging) => manager.listWorkersForWorkerPool(workerPoolId, paging));
  const pages = await asked(`listWorkersForWorkerPool ${workerPoolId}`, list);
  const workers = pages
    .flatMap((page) => page.workers)
    .filter(({ state }) => state === 'running' || state === 'requested');
  const failures: string[] = [];
  for (const { workerGroup, workerId } of workers) {
    const name = `removeWorker ${workerPoolId}/${workerGroup}/${workerId}`;
    try {
      await asked(name, manager.removeWorker(workerPoolId, workerGroup, workerId));
    } catch (error) {
      if (!(error instanceof DeployError)) throw error;
      failures.push(error.message);
    }
  }
  terminal.say(`${workerPoolId}: ${workers.length - failures.length} workers were removed.`);
  if (failures.length > 0) throw new DeployError(failures.join('\n'));
}
