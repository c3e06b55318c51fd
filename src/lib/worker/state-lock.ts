import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ConfigError } from '../config/config-error.js';
import { errorMessage } from '../util/error-message.js';
import { identityOf, isRunning } from '../util/process-identity.js';
import type { ProcessIdentity } from '../util/process-identity.js';
import { readStateFile, replaceStateFile } from '../util/state-file.js';
import { TurnTimeoutError, takeTurn } from '../util/take-turns.js';
import { makeDirectory } from '../util/make-directory.js';

const FILE = 'worker.pid';

/**
 * Makes sure that one worker at a time uses a directory: a second one would take what the first has there, its runs or its
 * caches, for that of a worker that died. The lock of a process that is gone counts for nothing.
 */
export class StateLock {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  /** Fails with a ConfigError that names the setting when another worker, or this process itself, holds it. */
  static async acquire(directory: string, setting = 'stateDir'): Promise<StateLock> {
    const advice = `uses ${directory}; stop it, or give each worker a directory of its own`;
    return await StateLock.#acquire(join(directory, FILE), setting, advice);
  }

  /** The same for what is named after the worker in a directory that workers share. */
  static async acquireName(directory: string, workerId: string): Promise<StateLock> {
    const advice = `has this name and uses ${directory} too; stop it, or give each worker a workerId of its own`;
    return await StateLock.#acquire(join(directory, `${workerId}.pid`), 'workerId', advice);
  }

  static async #acquire(path: string, setting: string, advice: string): Promise<StateLock> {
    await makeDirectory(dirname(path), 0o700);
    const refuse = (pid: number): never => {
      throw new ConfigError([`${setting}: another worker (process ${pid}) ${advice}`], { isOccupied: true });
    };
    try {
      await takeTurn(path, async () => {
        const holder = await readHolder(path);
        if (holder && (await isRunning(holder))) refuse(holder.pid);
        await replaceStateFile(path, JSON.stringify(await identityOf('self')));
      });
    } catch (error) {
      if (error instanceof TurnTimeoutError) refuse(error.pid);
      if (error instanceof ConfigError) throw error;
      // Not a mistake of the configuration: the disk may have room again at the next start.
      throw new Error(`${setting}: ${path} cannot be used: ${errorMessage(error)}`, { cause: error });
    }
    return new StateLock(path);
  }

  async release(): Promise<void> {
    await rm(this.#path, { force: true });
  }
}

/** Undefined when the file is missing, or makes no sense: its writer did not finish. */
async function readHolder(path: string): Promise<ProcessIdentity | undefined> {
  try {
    return (JSON.parse((await readStateFile(path)) ?? 'null') as ProcessIdentity | null) ?? undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
