import type { Feature } from '../../lib/task/feature.js';
import { CiInputError } from '../model.js';
import { bindPath } from './with-bind.js';

/** A directory of this machine, and where a container has it. */
export interface HostDirectory {
  readonly directory: string;
  readonly containerPath: string;
}

/** Throws a CiInputError for a directory or a path that docker can't mount. */
export function hostDirectory(directory: string, containerPath: string): HostDirectory {
  // A colon ends the path in docker's syntax for mounts.
  if (directory.startsWith('/') && !directory.includes(':'))
    return { directory, containerPath: bindPath(containerPath) };
  throw new CiInputError(`${directory} can't be mounted into a container: its path must be absolute, without a colon`);
}

/**
 * Mounts directories of this machine into the containers of tasks, for reading and writing. It is given to a LocalWorker
 * by the program that starts it, which decides for each task: no payload and no configuration file can ask for it.
 */
export function hostDirectories(of: (taskId: string) => readonly HostDirectory[]): Feature {
  return {
    name: 'hostDirectories',
    enabledByDefault: true,
    isUsedBy: () => true,
    requiredScopes: () => undefined,
    reservedArtifacts: () => [],
    attach: ({ taskId }) => {
      const binds = of(taskId).map(({ directory, containerPath }) => `${directory}:${containerPath}`);
      return { prepare: () => Promise.resolve({ binds }) };
    },
    // What a container has mounted stays.
    adopt: (_task, contribution) => ({ prepare: () => Promise.resolve(contribution) }),
  };
}
