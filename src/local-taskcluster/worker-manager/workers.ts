import { ApiError } from '../http/api-error.js';
import type { WorkerKey, WorkerState } from '../schemas/worker-schemas.js';

export interface Worker extends WorkerKey {
  readonly providerId: string;
  readonly created: string;
  readonly expires: string;
  readonly lastModified: string;
  readonly capacity: number;
  readonly state: WorkerState;
  /** Of an instance: the launch configuration of its region. */
  readonly launchConfigId?: string;
  /** What a worker of a static pool has to show to register. */
  readonly staticSecret?: string;
  /** What it has to show to register again; there once it is registered. */
  readonly secret?: string;
}

/** The workers of all pools, including those that have stopped. */
export class Workers {
  readonly #workers = new Map<string, Worker>();
  readonly #now: () => Date;

  constructor(now: () => Date) {
    this.#now = now;
  }

  find(key: WorkerKey): Worker | undefined {
    return this.#workers.get(nameOf(key));
  }

  /** Throws ResourceNotFound. */
  get(key: WorkerKey): Worker {
    const worker = this.find(key);
    if (!worker) throw new ApiError('ResourceNotFound', `There is no worker ${nameOf(key)}.`);
    return worker;
  }

  create(worker: Omit<Worker, 'created' | 'lastModified'>): Worker {
    const created = this.#now().toJSON();
    return this.#set({ ...worker, created, lastModified: created });
  }

  /** Throws ResourceNotFound. */
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

/** `<workerPoolId>/<workerGroup>/<workerId>`, as scopes spell it. */
export function nameOf({ workerPoolId, workerGroup, workerId }: WorkerKey): string {
  return `${workerPoolId}/${workerGroup}/${workerId}`;
}
