import { ApiError } from '../http/api-error.js';
import type { InsertTaskRequest } from '../schemas/index-schemas.js';

export interface IndexedTask extends InsertTaskRequest {
  /** The whole path of the namespace. */
  readonly namespace: string;
}

interface Namespace {
  readonly namespace: string;
  /** The last part of the path. */
  readonly name: string;
  /** The time at which the last of its tasks expires. */
  readonly expires: string;
}

/** Tasks by index path, until they expire. */
export class IndexTable {
  readonly #tasks = new Map<string, IndexedTask>();
  readonly #now: () => Date;

  constructor(now: () => Date) {
    this.#now = now;
  }

  /** Indexes the task unless one of a higher rank is there; returns the task that is indexed now. */
  insert(namespace: string, request: InsertTaskRequest): IndexedTask {
    const existing = this.find(namespace);
    if (existing && existing.rank > request.rank) return existing;
    const task = { namespace, ...request, expires: new Date(request.expires).toJSON() };
    this.#tasks.set(namespace, task);
    return task;
  }

  find(path: string): IndexedTask | undefined {
    const task = this.#tasks.get(path);
    return task && new Date(task.expires) > this.#now() ? task : undefined;
  }

  /** Returns the task. Throws ResourceNotFound. */
  get(path: string): IndexedTask {
    const task = this.find(path);
    if (!task) throw new ApiError('ResourceNotFound', `There is no task at the index path ${path}.`);
    return task;
  }

  delete(path: string): void {
    this.#tasks.delete(path);
  }

  save(): readonly IndexedTask[] {
    return this.#below('');
  }

  restore(tasks: readonly IndexedTask[]): void {
    for (const task of tasks) this.#tasks.set(task.namespace, task);
  }

  /** Returns the tasks directly in a namespace; '' is the root. */
  tasksIn(namespace: string): readonly IndexedTask[] {
    return this.#below(namespace).filter((task) => !remainder(task, namespace).includes('.'));
  }

  /** Returns the namespaces directly in another one, if they have tasks. */
  namespacesIn(parent: string): readonly Namespace[] {
    const found = new Map<string, Namespace>();
    for (const task of this.#below(parent)) {
      const [name = '', ...rest] = remainder(task, parent).split('.');
      if (rest.length === 0) continue;
      const namespace = parent === '' ? name : `${parent}.${name}`;
      const known = found.get(name)?.expires ?? '';
      found.set(name, { namespace, name, expires: known > task.expires ? known : task.expires });
    }
    return [...found.values()];
  }

  #below(namespace: string): readonly IndexedTask[] {
    const prefix = namespace === '' ? '' : `${namespace}.`;
    return [...this.#tasks.keys()].filter((path) => path.startsWith(prefix)).flatMap((path) => this.find(path) ?? []);
  }
}

function remainder(task: IndexedTask, namespace: string): string {
  return namespace === '' ? task.namespace : task.namespace.slice(namespace.length + 1);
}
