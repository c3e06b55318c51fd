import { chmod, mkdtemp } from 'node:fs/promises';
import path from 'node:path';
import { mountPath } from '../../caches/mount-path.js';
import type { TaskContext } from '../../task/task-context.js';
import type { RemoveTree } from '../../util/remove-tree.js';
import type { ResourceStack } from '../../util/resource-stack.js';
import type { Contribution } from '../../task/feature.js';
import { lost } from '../reacquire.js';

/** How the directories' names begin. */
const PREFIX = 'volume-';

/** The directories on this machine's disk for a run's artifacts of type `volume`. */
export class Volumes {
  readonly #task: TaskContext;
  readonly #removeTree: RemoveTree;
  readonly #binds: readonly string[] | undefined;
  #directories = new Map<string, string>();

  /** `binds`: those of a run that a previous worker had prepared, in the order of payload.artifacts. */
  constructor(task: TaskContext, removeTree: RemoveTree, binds?: readonly string[]) {
    this.#task = task;
    this.#removeTree = removeTree;
    this.#binds = binds;
  }

  /** Creates the directories, writable by any user of the container. They are deleted with the run's resources. */
  async prepare(resources: ResourceStack): Promise<Contribution> {
    const directories = new Map<string, string>();
    const binds: string[] = [];
    for (const [name, artifact] of Object.entries(this.#task.payload.artifacts ?? {})) {
      if (artifact.type !== 'volume') continue;
      const place = `:${mountPath(artifact.path)}`;
      const directory = this.#binds ? this.#directoryAt(place, this.#binds[binds.length]) : await this.#create();
      resources.defer('volume', () => this.#removeTree(directory));
      directories.set(name, directory);
      binds.push(directory + place);
    }
    this.#directories = directories;
    return { binds };
  }

  async #create(): Promise<string> {
    // Other users of this machine have no access: the run's directory around it is closed to them.
    const directory = await mkdtemp(path.join(this.#task.directory, PREFIX));
    await chmod(directory, 0o777);
    return directory;
  }

  /** Returns the directory that an adopted run has mounted at this place, which must be one of its own. */
  #directoryAt(place: string, bind = ''): string {
    const directory = bind.endsWith(place) ? bind.slice(0, -place.length) : '';
    const { dir, base } = path.parse(directory);
    if (dir !== this.#task.directory || !base.startsWith(PREFIX)) {
      throw lost({ task: this.#task, feature: 'artifacts' }, 'volume', new Error(`the run had none${place}`));
    }
    return directory;
  }

  /** Returns the directory of an artifact. Throws before `prepare`. */
  directoryOf(name: string): string {
    const directory = this.#directories.get(name);
    if (directory === undefined) throw new Error(`no volume was created for the artifact "${name}"`);
    return directory;
  }
}
