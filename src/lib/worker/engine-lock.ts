import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { ConfigError } from '../config/config-error.js';
import type { DockerEngine, Labels } from '../docker/engine.js';
import { withTimeout } from '../util/abortable.js';
import { identityOf } from '../util/process-identity.js';

export interface EngineLockOptions {
  readonly engine: Pick<DockerEngine, 'id'>;
  /** The labels of everything that this worker creates in the engine. */
  readonly labels: Labels;
}

const PREFIX = '\0docker-worker/';
/**
 * The size of an address in unix(7). Node 20 pads shorter names with zeros and Node 24 does not, so only a name of the
 * full length is the same in both.
 */
const NAME_LENGTH = 108;
const ANSWER_TIMEOUT_MS = 1000;

/**
 * Ensures that only one worker on this machine uses an engine under its labels: two would take each other's containers
 * for those of a dead worker and remove them, even if each has its own directories.
 *
 * The lock is a listening socket in the abstract namespace (unix(7)), named after the engine and the labels. The kernel
 * allows one process to bind it and releases it when that process ends, in whatever way, so it is never stale. It needs
 * no world-writable directory. It does not reach other network namespaces or machines.
 */
export class EngineLock {
  readonly #options: EngineLockOptions;
  #server: Server | undefined;
  #acquiring: Promise<void> | undefined;

  constructor(options: EngineLockOptions) {
    this.#options = options;
  }

  /**
   * Acquires the lock; does nothing if it is held already. Throws a ConfigError if another worker holds it, and a
   * DockerError if the engine does not answer; the caller may retry after the latter.
   */
  async acquire(signal: AbortSignal): Promise<void> {
    if (this.#server) return;
    this.#acquiring ??= this.#acquire(signal).finally(() => {
      this.#acquiring = undefined;
    });
    await this.#acquiring;
  }

  async release(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (!server?.listening) return;
    const closed = once(server, 'close');
    server.close();
    await closed;
  }

  async #acquire(signal: AbortSignal): Promise<void> {
    const { engine, labels } = this.#options;
    const name = socketName(await engine.id(signal), labels);
    const { pid } = await identityOf('self');
    const server = createServer((socket) => {
      answer(socket, pid);
    });
    server.unref();
    try {
      server.listen(name);
      await once(server, 'listening');
      this.#server = server;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
      const holder = await holderOf(name);
      const problem =
        `workerId: another worker${holder} with this workerId, workerGroup and worker pool uses the same Docker engine, ` +
        "and each would remove the other's containers; stop it, or give each worker its own workerId";
      throw new ConfigError([problem], { isOccupied: true });
    }
  }
}

/** Tells a process that wants the lock which process holds it. */
function answer(socket: Socket, pid: number): void {
  // The other process may have ended in the meantime.
  socket.on('error', () => undefined);
  socket.end(String(pid));
}

/** Returns the holder as text for a message; empty if it does not answer. */
async function holderOf(name: string): Promise<string> {
  const socket = connect(name);
  try {
    const pid = await withTimeout('asking for the holder', ANSWER_TIMEOUT_MS, () => text(socket));
    return /^\d{1,10}$/.test(pid) ? ` (process ${pid})` : '';
  } catch {
    return ''; // It has just exited, or is stopped. All that matters is that the lock is held.
  } finally {
    socket.destroy();
  }
}

function socketName(engineId: string, labels: Labels): string {
  const owner = JSON.stringify([engineId, ...Object.entries(labels).sort()]);
  const digest = createHash('sha512').update(owner).digest('hex');
  return (PREFIX + digest).slice(0, NAME_LENGTH);
}
