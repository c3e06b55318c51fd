import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../log/logger.js';
import { removeTree } from '../util/remove-tree.js';
import type { RemoveTree } from '../util/remove-tree.js';
import type { GarbageSource } from './garbage-source.js';
import type { OpenRuns } from './open-runs.js';

export interface RunDirectoriesOptions {
  /** Used by this worker only; the directories in it are named `<taskId>-<runId>-<random>`. */
  readonly directory: string;
  readonly journal: OpenRuns;
  /** Returns true for a directory of a run that is being resolved for a worker that died. */
  readonly isRecovering: (name: string) => boolean;
  readonly log: Logger;
  readonly now: () => Date;
  /** Default: with the permissions of this process. */
  readonly removeTree?: RemoveTree;
}

/** Only a failed cleanup leaves a directory; one younger than this may still be in use. */
const LEAST_AGE_MS = 3_600_000;
const NAME = /^(?<taskId>.+)-(?<runId>\d+)-[^-]+$/;

/** Temporary files of finished runs that could not be deleted with them. */
export class RunDirectories implements GarbageSource {
  readonly name = 'temporary files';
  readonly #options: RunDirectoriesOptions;

  constructor(options: RunDirectoriesOptions) {
    this.#options = options;
  }

  async collect(_isDiskShort: () => Promise<boolean>, signal: AbortSignal): Promise<void> {
    const { directory } = this.#options;
    for (const name of await readdir(directory)) {
      signal.throwIfAborted();
      if (!this.#isInUse(name)) await this.#removeIfOld(join(directory, name), signal);
    }
  }

  #isInUse(name: string): boolean {
    const { journal, isRecovering } = this.#options;
    const { taskId = '', runId = '' } = NAME.exec(name)?.groups ?? {};
    return isRecovering(name) || journal.isOpen({ taskId, runId: Number(runId) });
  }

  async #removeIfOld(path: string, signal: AbortSignal): Promise<void> {
    const { log, now } = this.#options;
    try {
      const { mtimeMs } = await lstat(path);
      if (now().getTime() - mtimeMs < LEAST_AGE_MS) return;
      await (this.#options.removeTree ?? removeTree)(path, { isUrgent: false, signal });
      log.warn('temporary files removed', { path, reason: 'left by a run that is over' });
    } catch (error) {
      if (signal.aborted || (error as NodeJS.ErrnoException).code === 'ENOENT') return;
      log.error('resource not released', { what: 'directory of a run', path, error });
    }
  }
}
