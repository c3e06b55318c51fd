import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { open, readFile, readdir, stat, writeFile } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import type { Duplex } from 'node:stream';
import { delay, untilAborted } from '../util/abortable.js';
import { errorMessage } from '../util/error-message.js';
import { identityOf, isRunning } from '../util/process-identity.js';
import type { ProcessIdentity } from '../util/process-identity.js';

/** The file with a container's output. */
export interface KeptFile {
  readonly path: string;
  /** The process stops beyond about that size; undefined: no limit. */
  readonly maxBytes?: number | undefined;
}

/** The error for an output that can't be kept by a process of its own. */
export class KeeperError extends Error {
  override readonly name = 'KeeperError';
}

/** `$0`: the file. Whoever finds the second file knows that the first one has all of it. */
const SHELL = '/bin/sh';
const KEEP = 'cat >>"$0" && : >"$0.end"';
/** The unit of `ulimit -f` (POSIX). */
const BLOCK_BYTES = 512;
/** What is beyond the limit of the log has to be seen to be beyond it. */
const BEYOND_BYTES = 16 * 1024 * 1024;
/** While there is output. A reader that is told of each of many small writes would do little else. */
const INTERVAL_MS = 20;
/** How often an adopted keeper is looked at, and a file that can't be watched. */
const POLL_MS = 200;
/** As for the log: what is left to be flushed when the container ends delays its end. */
const FLUSH_BYTES = 64 * 1024 * 1024;
const MAX_READ_BYTES = 256 * 1024;
/** How much earlier than its container a keeper may end: the engine and this process use the same clock. */
const MAX_EARLY_MS = 1000;

/**
 * A process that reads a container's output and writes it to a file. It outlives the worker, which reads that file: what
 * the container prints while there is no worker is not lost, and costs the engine nothing.
 */
export class OutputKeeper {
  readonly process: ProcessIdentity;
  readonly #path: string;
  /** Resolves at the end of the keeper, which follows that of the container. */
  readonly ended: Promise<void>;
  #hasEnded = false;

  private constructor(path: string, identity: ProcessIdentity, ended: Promise<void>) {
    this.#path = path;
    this.process = identity;
    this.ended = ended.then(() => {
      this.#hasEnded = true;
    });
  }

  /**
   * Gives the connection, from which nothing was read yet, to a new process. Throws a KeeperError when that can't be
   * started; the connection is of no use then.
   */
  static async start(connection: Duplex, { path, maxBytes }: KeptFile): Promise<OutputKeeper> {
    try {
      // Before the process, so that it is the worker's alone.
      await writeFile(path, '', { mode: 0o600 });
      const limit = maxBytes === undefined ? 'unlimited' : Math.ceil((maxBytes + BEYOND_BYTES) / BLOCK_BYTES);
      const child = spawn(SHELL, ['-c', `ulimit -f ${limit}; ${KEEP}`, path], {
        stdio: [connection, 'ignore', 'ignore'],
        // Not in the worker's process group: Ctrl-C is not for it.
        detached: true,
        cwd: '/',
        env: {},
      });
      const exited = once(child, 'exit').then(() => undefined);
      exited.catch(() => undefined);
      await once(child, 'spawn');
      child.unref();
      return new OutputKeeper(path, await identityOf(child.pid ?? 0), exited);
    } catch (error) {
      throw new KeeperError(`the output can't be kept by a process of its own: ${errorMessage(error)}`, {
        cause: error,
      });
    } finally {
      // The process has its own descriptor.
      connection.destroy();
    }
  }

  /** Returns the keeper that a previous worker had started. Until `signal` aborts it is asked for its end. */
  static adopt({ path }: KeptFile, identity: ProcessIdentity, signal: AbortSignal): OutputKeeper {
    const over = async (): Promise<void> => {
      while ((await timeOf(endFile(path))) === undefined && (await isRunning(identity))) {
        await delay(POLL_MS, signal);
      }
    };
    const ended = over();
    ended.catch(() => undefined);
    return new OutputKeeper(path, identity, ended);
  }

  /** Yields the output from its first byte until the keeper has ended. Throws the reason of the signal. */
  async *follow(signal: AbortSignal): AsyncGenerator<Buffer, void, undefined> {
    const file = await open(this.#path);
    const flusher = new Flusher(file);
    try {
      for (let position = 0, change: Change | undefined; ;) {
        signal.throwIfAborted();
        // Asked before the last look at the file.
        const isLast = this.#hasEnded;
        const before = position;
        for await (const chunk of rest(file, position)) {
          position += chunk.length;
          yield chunk;
        }
        if (isLast) return;
        flusher.wrote(position - before);
        if (position > before) {
          change?.close();
          change = undefined;
          await Promise.race([this.ended, delay(INTERVAL_MS, signal)]);
        } else if (change) {
          await Promise.race([this.ended, change.happens(signal)]);
          change.close();
          change = undefined;
        } else {
          // What came before the watch is seen by another look.
          change = new Change(this.#path);
        }
      }
    } finally {
      await flusher.done();
      await file.close();
    }
  }

  /** Yields what the file has now. */
  async *soFar(): AsyncGenerator<Buffer, void, undefined> {
    const file = await open(this.#path);
    try {
      yield* rest(file, 0);
    } finally {
      await file.close();
    }
  }

  /**
   * Throws a KeeperError unless the file has everything that the container, which ended at `endedAt`, has printed: an
   * engine that is restarted ends the keeper earlier. Call it after the end.
   */
  async assertComplete(endedAt: Date): Promise<void> {
    const end = await timeOf(endFile(this.#path));
    if (end === undefined || end.getTime() < endedAt.getTime() - MAX_EARLY_MS)
      throw new KeeperError('the process that kept the output ended before the container');
  }

  /** Throws a KeeperError unless the keeper ended at the end of the output, and not before for want of space or so. */
  async assertEndedWell(): Promise<void> {
    await this.ended;
    if ((await timeOf(endFile(this.#path))) === undefined) {
      throw new KeeperError('the process that kept the output was ended');
    }
  }
}

/** Flushes a long file to the disk again and again. */
class Flusher {
  readonly #file: FileHandle;
  #unflushedBytes = 0;
  #flushing = Promise.resolve();

  constructor(file: FileHandle) {
    this.#file = file;
  }

  wrote(bytes: number): void {
    this.#unflushedBytes += bytes;
    if (this.#unflushedBytes < FLUSH_BYTES) return;
    this.#unflushedBytes = 0;
    // A disk that fails is the log's to tell of.
    this.#flushing = this.#flushing.then(() => this.#file.datasync()).catch(() => undefined);
  }

  async done(): Promise<void> {
    await this.#flushing;
  }
}

/** The next change of a file. One that can't be watched may always have changed. */
class Change {
  readonly #watcher: FSWatcher | undefined;
  readonly #happened: Promise<void>;

  constructor(path: string) {
    let tell: () => void = () => undefined;
    this.#happened = new Promise((resolve) => {
      tell = resolve;
    });
    try {
      this.#watcher = watch(path, { persistent: false }, tell);
      this.#watcher.on('error', tell);
    } catch {
      // The machine's limit of watches is reached, or the file system has none.
      this.#watcher = undefined;
    }
  }

  async happens(signal: AbortSignal): Promise<void> {
    if (this.#watcher) await untilAborted(this.#happened, signal);
    else await delay(POLL_MS, signal);
  }

  close(): void {
    this.#watcher?.close();
  }
}

/**
 * Yields what the file has beyond `from` now. What is added meanwhile is for the next call: following a process that
 * writes all the time would mean to read each of its small pieces.
 */
async function* rest(file: FileHandle, from: number): AsyncGenerator<Buffer, void, undefined> {
  const { size } = await file.stat();
  for (let position = from; position < size;) {
    const buffer = Buffer.allocUnsafe(Math.min(MAX_READ_BYTES, size - position));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

function endFile(path: string): string {
  return `${path}.end`;
}

async function timeOf(path: string): Promise<Date | undefined> {
  try {
    return (await stat(path)).mtime;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Ends a keeper that still runs, for a container that is not needed any more; one that was never started has no end.
 * Throws a KeeperError if it goes on.
 */
export async function endKeeper(keeper: ProcessIdentity): Promise<void> {
  const goesOn = (): Promise<boolean> => isRunning(keeper);
  if (await goesOn()) await killGroup(keeper.pid, goesOn);
}

/** Ends all keepers whose files are below this directory, whoever has started them. Throws a KeeperError if one goes on. */
export async function endKeepersBelow(directory: string): Promise<void> {
  const isKeeper = async (pid: string): Promise<boolean> => {
    const [shell, , script, path = ''] = (await commandLineOf(pid)).split('\0');
    return shell === SHELL && script?.endsWith(KEEP) === true && path.startsWith(`${directory}/`);
  };
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const ends = pids.map(async (pid) => {
    if (await isKeeper(pid)) await killGroup(Number(pid), () => isKeeper(pid));
  });
  await Promise.all(ends);
}

async function commandLineOf(pid: string): Promise<string> {
  try {
    return await readFile(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return ''; // It has ended.
  }
}

/** A keeper is the first process of its session. */
async function killGroup(pid: number, goesOn: () => Promise<boolean>): Promise<void> {
  // `-s`: not every shell takes `--` after `-KILL`.
  const kill = spawn(SHELL, ['-c', 'kill -s KILL -- "-$0"', String(pid)], { stdio: 'ignore' });
  const [code] = (await once(kill, 'exit')) as [number | null];
  // It may have ended by itself in between.
  if (code !== 0 && (await goesOn())) {
    throw new KeeperError(`the process that kept output, ${pid}, could not be ended: kill exited with ${code}`);
  }
}
