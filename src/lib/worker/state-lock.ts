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
 * Ensures that one worker at a time uses a directory: a second one would take the first one's runs or caches for those
 * of a dead worker. The lock of a process that has exited is ignored.
 */
export class StateLock {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  /** Acquires the lock. Throws a ConfigError that names the setting if another worker, or this process, holds it. */
  static async acquire(directory: string, setting = 'stateDir'): Promise<StateLock> {
    const advice = `uses ${directory}; stop it, or give each worker its own directory`;
    return await StateLock.#acquire(join(directory, FILE), setting, advice);
  }

  /** Does the same for what is named after the worker in a directory that workers share. */
  static async acquireName(directory: string, workerId: string): Promise<StateLock> {
    const advice = `has this name and uses ${directory} too; stop it, or give each worker its own workerId`;
    return await StateLock.#acquire(join(directory, `${workerId}.pid`), 'workerId', advice);
  }

  static async #acquire(path: string, setting: string, advice: string): Promise<StateLock> {
    let holder: number | undefined;
    try {
      await makeDirectory(dirname(path), 0o700);
      holder = await take(path, path);
      if (holder === undefined) await removeRemains(path);
    } catch (error) {
      // Not a ConfigError: the disk may have room again at the next start.
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
 * Makes `path`, which belongs to the lock `lock`, a file that identifies this process. If it identifies another running
 * process, returns the id of that process instead.
 *
 * A stale file can't simply be removed: between reading and removing it, another process may have replaced it with its
 * own. Only the process that holds a guard removes it, and only if the stale content is still there. The guard is a
 * file of the same kind, named after the stale content. No process writes that content again.
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

/** Returns false if `path` exists. It never appears with partial content: link(2) names a file that is complete. */
async function linkIdentity(path: string, lock: string): Promise<boolean> {
  const complete = `${lock}.${randomBytes(SUFFIX_DIGITS / 2).toString('hex')}`;
  await writeFile(complete, JSON.stringify(await identityOf('self')), { flag: 'wx', mode: 0o600 });
  try {
    await link(complete, path);
    return true;
  } catch (error) {
    // ENOENT: the process that acquired the lock has removed `complete`.
    if (['EEXIST', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  } finally {
    await rm(complete, { force: true });
  }
}

/** Removes files of processes killed in `take`; running ones cope with that. Only the lock's holder calls this. */
async function removeRemains(lock: string): Promise<void> {
  const directory = dirname(lock);
  for (const name of await readdir(directory)) {
    const isOurs = name.startsWith(basename(lock)) && SUFFIXES.test(name.slice(basename(lock).length));
    if (isOurs) await rm(join(directory, name), { force: true });
  }
}

/** Returns undefined for invalid text: a machine that crashed may have written only part of it. */
function parseIdentity(text: string): ProcessIdentity | undefined {
  try {
    return (JSON.parse(text) as ProcessIdentity | null) ?? undefined;
  } catch {
    return undefined;
  }
}
