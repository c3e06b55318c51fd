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
  /** What everything carries that this worker creates in the engine. */
  readonly labels: Labels;
}

const PREFIX = '\0docker-worker/';
/**
 * The size of an address in sockaddr_un(7). Shorter names are padded with zeros by Node 20 and not by Node 24, so that
 * only a name of the full length is the same for both.
 */
const NAME_LENGTH = 108;
const ANSWER_TIMEOUT_MS = 1000;

/**
 * Makes sure that one worker on this machine uses an engine under its labels: two would remove each other's containers as
 * those of a worker that died, even with directories of their own.
 *
 * The lock is a listening socket in the abstract namespace (unix(7)), named after the engine and the labels. The kernel
 * lets it be bound once and releases it when the process ends, however that happens, so it is never stale; it needs no
 * directory that all users may write to. It does not reach into other network namespaces or other machines.
 */
export class EngineLock {
  readonly #options: EngineLockOptions;
  #server: Server | undefined;
  #acquiring: Promise<void> | undefined;

  constructor(options: EngineLockOptions) {
    this.#options = options;
  }

  /**
   * Harmless when it is held already. Fails with a ConfigError when another worker holds it, and with a DockerError when
   * the engine does not answer: it may be called again then.
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
        'and each would remove the containers of the other; stop it, or give each worker a workerId of its own';
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

/** In words; empty when the holder does not say. */
async function holderOf(name: string): Promise<string> {
  const socket = connect(name);
  try {
    const pid = await withTimeout('asking for the holder', ANSWER_TIMEOUT_MS, () => text(socket));
    return /^\d{1,10}$/.test(pid) ? ` (process ${pid})` : '';
  } catch {
    return ''; // It has just ended, or is stopped. That the lock is held is all that counts.
  } finally {
    socket.destroy();
  }
}

function socketName(engineId: string, labels: Labels): string {
  const owner = JSON.stringify([engineId, ...Object.entries(labels).sort()]);
  const digest = createHash('sha512').update(owner).digest('hex');
  return (PREFIX + digest).slice(0, NAME_LENGTH);
}
