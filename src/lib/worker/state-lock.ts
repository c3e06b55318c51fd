import { createHash, randomBytes } from 'node:crypto';
import { link, readdir, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ConfigError } from '../config/config-error.js';
import { errorMessage } from '../util/error-message.js';
import { makeDirectory } from '../util/make-directory.js';
import { identityOf, isRunning } from '../util/process-identity.js';
import type { ProcessIdentity } from '../util/process-identity.js';
import { readStateFile } from '../util/state-file.js';

const FILE = 'worker.pid';
const SUFFIX_DIGITS = 16;
const SUFFIXES = /^(\.[0-9a-f]{16})+$/;

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
    let holder: number | undefined;
    try {
      await makeDirectory(dirname(path), 0o700);
      holder = await take(path, path);
      if (holder === undefined) await removeRemains(path);
    } catch (error) {
      // Not a mistake of the configuration: the disk may have room again at the next start.
      throw new Error(`${setting}: ${path} cannot be used: ${errorMessage(error)}`, { cause: error });
    }
    if (holder === undefined) return new StateLock(path);
    throw new ConfigError([`${setting}: another worker (process ${holder}) ${advice}`], { isOccupied: true });
  }

  async release(): Promise<void> {
    await rm(this.#path, { force: true });
  }
}

/**
 * Makes `path`, which belongs to the lock `lock`, a file that identifies this process, unless it is that of a process that
 * runs: then returns the id of that process.
 *
 * A stale file must not simply be removed: between reading and removing it, another process may have replaced it by its
 * own. It is removed only by the process that holds a guard, a file of the same kind that is named after the stale
 * content, and that finds this content still there. No process writes that content again.
 */
async function take(path: string, lock: string): Promise<number | undefined> {
  for (;;) {
    if (await linkIdentity(path, lock)) return undefined;
    const text = await readStateFile(path);
    if (text === undefined) continue;
    const holder = parseIdentity(text);
    if (holder && (await isRunning(holder))) return holder.pid;
    const guard = `${path}.${createHash('sha256').update(text).digest('hex').slice(0, SUFFIX_DIGITS)}`;
    const other = await take(guard, lock);
    if (other !== undefined) return other;
    try {
      if ((await readStateFile(path)) === text) await rm(path);
    } finally {
      await rm(guard, { force: true });
    }
  }
}

/** False when `path` exists. It never does with half of its content: link(2) gives a file that is complete its name. */
async function linkIdentity(path: string, lock: string): Promise<boolean> {
  const complete = `${lock}.${randomBytes(SUFFIX_DIGITS / 2).toString('hex')}`;
  await writeFile(complete, JSON.stringify(await identityOf('self')), { flag: 'wx', mode: 0o600 });
  try {
    await link(complete, path);
    return true;
  } catch (error) {
    // ENOENT: the process that got the lock has removed `complete`.
    if (['EEXIST', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  } finally {
    await rm(complete, { force: true });
  }
}

/** For the holder of the lock: removes the files of processes that were killed in `take`. Those that run cope with it. */
async function removeRemains(lock: string): Promise<void> {
  const directory = dirname(lock);
  for (const name of await readdir(directory)) {
    const isOurs = name.startsWith(basename(lock)) && SUFFIXES.test(name.slice(basename(lock).length));
    if (isOurs) await rm(join(directory, name), { force: true });
  }
}

/** Undefined when it makes no sense: a machine that crashed did not write all of it. */
function parseIdentity(text: string): ProcessIdentity | undefined {
  try {
    return (JSON.parse(text) as ProcessIdentity | null) ?? undefined;
  } catch {
    return undefined;
  }
}
