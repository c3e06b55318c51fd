import { chmod, mkdtemp } from 'node:fs/promises';
import path from 'node:path';
import { mountPath } from '../../caches/mount-path.js';
import type { TaskContext } from '../../task/task-context.js';
import type { RemoveTree } from '../../util/remove-tree.js';
import type { ResourceStack } from '../../util/resource-stack.js';
import type { Contribution } from '../../task/feature.js';

/** The directories on this machine's disk that a run's artifacts of type `volume` are written to. */
export class Volumes {
  readonly #task: TaskContext;
  readonly #removeTree: RemoveTree;
  #directories = new Map<string, string>();

  constructor(task: TaskContext, removeTree: RemoveTree) {
    this.#task = task;
    this.#removeTree = removeTree;
  }

  /** Makes them, writable for whatever user the container has; they are deleted with the run's resources. */
  async prepare(resources: ResourceStack): Promise<Contribution> {
    const directories = new Map<string, string>();
    const binds: string[] = [];
    for (const [name, artifact] of Object.entries(this.#task.payload.artifacts ?? {})) {
      if (artifact.type !== 'volume') continue;
      // Nobody else gets there: the run's own directory around it is closed to all other users.
      const directory = await mkdtemp(path.join(this.#task.directory, 'volume-'));
      resources.defer('volume', () => this.#removeTree(directory));
      await chmod(directory, 0o777);
      directories.set(name, directory);
      binds.push(`${directory}:${mountPath(artifact.path)}`);
    }
    this.#directories = directories;
    return { binds };
  }

  /** Where the artifact of this name is; there once the task was prepared. */
  directoryOf(name: string): string {
    const directory = this.#directories.get(name);
    if (directory === undefined) throw new Error(`no volume was made for the artifact "${name}"`);
    return directory;
  }
}
