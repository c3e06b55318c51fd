import { chmod, mkdtemp } from 'node:fs/promises';
import path from 'node:path';
import { mountPath } from '../../caches/mount-path.js';
import type { TaskContext } from '../../task/task-context.js';
import type { RemoveTree } from '../../util/remove-tree.js';
import type { ResourceStack } from '../../util/resource-stack.js';
import type { Contribution } from '../../task/feature.js';

/** The directories on this machine's disk for a run's artifacts of type `volume`. */
export class Volumes {
  readonly #task: TaskContext;
  readonly #removeTree: RemoveTree;
  #directories = new Map<string, string>();

  constructor(task: TaskContext, removeTree: RemoveTree) {
    this.#task = task;
    this.#removeTree = removeTree;
  }

  /** Creates the directories, writable by any user of the container. They are deleted with the run's resources. */
  async prepare(resources: ResourceStack): Promise<Contribution> {
    const directories = new Map<string, string>();
    const binds: string[] = [];
    for (const [name, artifact] of Object.entries(this.#task.payload.artifacts ?? {})) {
      if (artifact.type !== 'volume') continue;
      // Other users of this machine have no access: the run's directory around it is closed to them.
      const directory = await mkdtemp(path.join(this.#task.directory, 'volume-'));
      resources.defer('volume', () => this.#removeTree(directory));
      await chmod(directory, 0o777);
      directories.set(name, directory);
      binds.push(`${directory}:${mountPath(artifact.path)}`);
    }
    this.#directories = directories;
    return { binds };
  }

  /** Returns the directory of an artifact. Throws before `prepare`. */
  directoryOf(name: string): string {
    const directory = this.#directories.get(name);
    if (directory === undefined) throw new Error(`no volume was created for the artifact "${name}"`);
    return directory;
  }
}
