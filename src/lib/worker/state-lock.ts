import { mkdir, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigError } from '../config/config-error.js';

const FILE = 'worker.pid';

/** Who holds a lock: a process id alone may belong to another process by now. */
interface Holder {
  readonly pid: number;
  /** When the process started, in clock ticks since boot (proc(5), field 22 of stat). */
  readonly startTicks: string;
  readonly bootId: string;
}

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
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const advice = `uses ${directory}; stop it, or give each worker a directory of its own`;
    return await StateLock.#acquire(join(directory, FILE), setting, advice);
  }

  /** The same for what is named after the worker in a directory that workers share. */
  static async acquireName(directory: string, workerId: string): Promise<StateLock> {
    const advice = `has this name and uses ${directory} too; stop it, or give each worker a workerId of its own`;
    return await StateLock.#acquire(join(directory, `${workerId}.pid`), 'workerId', advice);
  }

  static async #acquire(path: string, setting: string, advice: string): Promise<StateLock> {
    const text = JSON.stringify(await holderOf('self'));
    for (;;) {
      if (await createFile(path, text)) return new StateLock(path);
      const holder = await readHolder(path);
      if (holder && (await isAlive(holder))) {
        throw new ConfigError([`${setting}: another worker (process ${holder.pid}) ${advice}`]);
      }
      await rm(path, { force: true });
    }
  }

  async release(): Promise<void> {
    await rm(this.#path, { force: true });
  }
}

async function createFile(path: string, text: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx', 0o600);
    try {
      await file.writeFile(text);
    } finally {
      await file.close();
    }
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Undefined when the file is gone or makes no sense: whoever wrote it did not come to its end. */
async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Holder;
  } catch {
    return undefined;
  }
}

async function isAlive(holder: Holder): Promise<boolean> {
  try {
    const now = await holderOf(holder.pid);
    return now.startTicks === holder.startTicks && now.bootId === holder.bootId;
  } catch {
    return false; // There is no such process.
  }
}

async function holderOf(process: number | 'self'): Promise<Holder> {
  const [stat, bootId] = await Promise.all([
    readFile(`/proc/${process}/stat`, 'utf8'),
    readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
  ]);
  // The second field, the name of the command in brackets, may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { pid: parseInt(stat, 10), startTicks: fields[19] ?? '', bootId: bootId.trim() };
}
