import type { WorkerState } from '../schemas/worker-schemas.js';
import type { Worker } from './workers.js';

/** Returns the number of workers in each state, and the number of tasks they can run at the same time. */
export function capacityOf(workers: readonly Worker[]): Readonly<Record<string, number>> {
  const inState = (state: WorkerState): readonly Worker[] => workers.filter((worker) => worker.state === state);
  const capacity = (state: WorkerState): number => inState(state).reduce((sum, worker) => sum + worker.capacity, 0);
  return {
    currentCapacity: capacity('requested') + capacity('running') + capacity('stopping'),
    requestedCount: inState('requested').length,
    runningCount: inState('running').length,
    stoppingCount: inState('stopping').length,
    stoppedCount: inState('stopped').length,
    requestedCapacity: capacity('requested'),
    runningCapacity: capacity('running'),
    stoppingCapacity: capacity('stopping'),
    stoppedCapacity: capacity('stopped'),
  };
}
