import { endpoint } from '../http/endpoint.js';
import type { ApiCall, Endpoint } from '../http/endpoint.js';
import { PAGING, pageOf } from '../http/page.js';
import type { QueueWorker, WorkerTable } from '../queue/worker-table.js';
import { MANAGED_WORKER_LIST, MANAGED_WORKER_RESPONSE } from '../schemas/queue-worker-schemas.js';
import type { Workers } from './workers.js';

type Param = ApiCall<unknown>['param'];

interface QueueWorkerServices {
  /** The workers as the queue knows them. */
  readonly seen: Pick<WorkerTable, 'list' | 'get' | 'isQuarantined'>;
  readonly workers: Workers;
}

const WORKER_TYPE = '/provisioners/<provisionerId>/worker-types/<workerType>';

/** Returns the worker-manager endpoints for workers that claimed from the queue, with the worker manager's own data. */
export function managedWorkerEndpoints({ seen, workers }: QueueWorkerServices): readonly Endpoint[] {
  return [
    endpoint({
      name: 'listWorkers',
      method: 'GET',
      route: `${WORKER_TYPE}/workers`,
      query: [...PAGING, 'launchConfigId', 'quarantined', 'workerState'],
      output: MANAGED_WORKER_LIST,
      scopes: (param) => `worker-manager:list-workers:${poolOf(param)}`,
      handle: ({ param, query }) => {
        const found = seen
          .list(poolOf(param))
          .filter((worker) => query['quarantined'] !== 'true' || seen.isQuarantined(worker))
          .map((worker) => ({ worker, managed: managedPart(worker, workers) }))
          .filter(({ managed }) => matches(query['workerState'], managed.state))
          .filter(({ managed }) => matches(query['launchConfigId'], managed.launchConfigId));
        const { items, next } = pageOf(found, ({ worker }) => keyOf(worker), query);
        return { body: { workers: items.map(({ worker, managed }) => ({ ...listed(worker), ...managed })), ...next } };
      },
    }),
    endpoint({
      name: 'getWorker',
      method: 'GET',
      route: `${WORKER_TYPE}/workers/<workerGroup>/<workerId>`,
      output: MANAGED_WORKER_RESPONSE,
      scopes: (param) => `worker-manager:get-worker:${poolOf(param)}/${param('workerGroup')}/${param('workerId')}`,
      handle: ({ param }) => {
        const names = { workerGroup: param('workerGroup'), workerId: param('workerId') };
        const worker = seen.get(poolOf(param), names);
        const { expires, firstClaim, lastDateActive, recentTasks, quarantineUntil, quarantineDetails } = worker;
        const activity = { expires, firstClaim, lastDateActive, recentTasks, quarantineUntil, quarantineDetails };
        const pool = { provisionerId: param('provisionerId'), workerType: param('workerType') };
        return { body: { ...pool, ...names, ...activity, ...managedPart(worker, workers), actions: [] } };
      },
    }),
  ];
}

interface ManagedPart {
  readonly workerPoolId: string;
  readonly providerId: string;
  readonly capacity: number;
  readonly state: string;
  readonly launchConfigId?: string;
}

/** Returns the worker manager's data on a worker; one that is not registered is shown as standalone. */
function managedPart({ taskQueueId, workerGroup, workerId }: QueueWorker, workers: Workers): ManagedPart {
  const managed = workers.find({ workerPoolId: taskQueueId, workerGroup, workerId });
  const { providerId = 'none', capacity = 0, state = 'standalone', launchConfigId } = managed ?? {};
  const launched = launchConfigId === undefined ? {} : { launchConfigId };
  return { workerPoolId: taskQueueId, providerId, capacity, state, ...launched };
}

function listed({
  workerGroup,
  workerId,
  firstClaim,
  lastDateActive,
  quarantineUntil,
  recentTasks,
}: QueueWorker): object {
  const latestTask = recentTasks.at(-1);
  return { workerGroup, workerId, firstClaim, lastDateActive, quarantineUntil, ...(latestTask && { latestTask }) };
}

function matches(wanted: string | undefined, actual: string | undefined): boolean {
  return wanted === undefined || wanted === actual;
}

function poolOf(param: Param): string {
  return `${param('provisionerId')}/${param('workerType')}`;
}

function keyOf({ workerGroup, workerId }: Pick<QueueWorker, 'workerGroup' | 'workerId'>): string {
  return `${workerGroup}/${workerId}`;
}
