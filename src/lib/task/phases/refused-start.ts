import { DockerError } from '../../docker/engine.js';
import type { DockerFault } from '../../docker/engine-words.js';
import { TaskError } from '../../outcome/errors.js';
import { withoutHostPaths } from '../../util/without-host-paths.js';

/** The engine refuses to create or start this container, and retrying would not help. */
export class RefusedStart extends Error {
  readonly reason: TaskError;

  constructor(reason: TaskError) {
    super(reason.message, { cause: reason });
    this.reason = reason;
  }
}

const CHECK_COMMAND = 'Check payload.command, and the entrypoint and command of payload.image.';
const START_ADVICE: Readonly<Partial<Record<DockerFault, string>>> = {
  mount:
    'Check the paths in payload.cache and of other mounts: the image must not have a file where a directory is mounted, and nothing can be mounted below /proc and /sys.',
  'unusable-image': 'Check payload.image: its layers are damaged or do not match its configuration.',
  user: 'Check the USER of payload.image: the image must have it in /etc/passwd or /etc/group.',
  'working-directory':
    'Check the WORKDIR of payload.image: it must be a directory in the image, or a path where one can be created.',
};

/** Throws. What the engine refuses is the payload's mistake; an engine that fails or hangs is the worker's problem. */
export function refusedStart(error: unknown): never {
  if (!(error instanceof DockerError) || error.retryable) throw error;
  const advice = START_ADVICE[error.fault ?? 'command'] ?? CHECK_COMMAND;
  throw new RefusedStart(
    TaskError.failed(
      `Failure to properly start execution environment.\n${withoutHostPaths(error.message)}\n${advice}`,
      error,
    ),
  );
}
