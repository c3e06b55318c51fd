import { ApiError } from '../http/api-error.js';
import type { WorkerKey, WorkerState } from '../schemas/worker-schemas.js';

export interface Worker extends WorkerKey {
  readonly providerId: string;
  readonly created: string;
  readonly expires: string;
  readonly lastModified: string;
  readonly capacity: number;
  readonly state: WorkerState;
  /** For an instance: the launch configuration of its region. */
  readonly launchConfigId?: string;
  /** The secret with which a worker of a static pool registers. */
  readonly staticSecret?: string;
  /** The secret with which it registers again; set once it is registered. */
  readonly secret?: string;
}

/** The workers of all pools, including stopped ones. */
export class Workers {
  readonly #workers = new Map<string, Worker>();
  readonly #now: () => Date;

  constructor(now: () => Date) {
    this.#now = now;
  }

  find(key: WorkerKey): Worker | undefined {
    return this.#workers.get(nameOf(key));
  }

  /** Returns the worker. Throws ResourceNotFound. */
  get(key: WorkerKey): Worker {
    const worker = this.find(key);
    if (!worker) throw new ApiError('ResourceNotFound', `There is no worker ${nameOf(key)}.`);
    return worker;
  }

  create(worker: Omit<Worker, 'created' | 'lastModified'>): Worker {
    const created = this.#now().toJSON();
    return this.#set({ ...worker, created, lastModified: created });
  }

  /** Changes the worker. Throws ResourceNotFound. */
  change(key: WorkerKey, changes: Partial<Omit<Worker, keyof WorkerKey>>): Worker {
    return this.#set({ ...this.get(key), ...changes, lastModified: this.#now().toJSON() });
  }

  inPool(workerPoolId: string): readonly Worker[] {
    return [...this.#workers.values()].filter((worker) => worker.workerPoolId === workerPoolId);
  }

  #set(worker: Worker): Worker {
    this.#workers.set(nameOf(worker), worker);
    return worker;
  }
}

/** Returns `<workerPoolId>/<workerGroup>/<workerId>`, as scopes spell it. */
export function nameOf({ workerPoolId, workerGroup, workerId }: WorkerKey): string {
  return `${workerPoolId}/${workerGroup}/${workerId}`;
}
