import { constants, lstat, open, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../log/logger.js';
import { errorMessage } from '../util/error-message.js';

export interface HeartbeatOptions {
  readonly stateDir: string;
  readonly log: Logger;
  readonly now: () => Date;
}

const FILE = 'alive';
const INTERVAL_MS = 2000;

/** Tells the next worker when this one was last alive, by the time of a file that it touches every two seconds. */
export class Heartbeat {
  readonly #path: string;
  readonly #log: Logger;
  readonly #now: () => Date;
  #timer: NodeJS.Timeout | undefined;
  #touching: Promise<void> | undefined;
  #isInTrouble = false;

  constructor({ stateDir, log, now }: HeartbeatOptions) {
    this.#path = join(stateDir, FILE);
    this.#log = log;
    this.#now = now;
  }

  /**
   * Returns when a worker with this state directory was last alive; undefined if that is unknown. Read it before
   * `start`. Never throws.
   */
  static async lastSeen(stateDir: string): Promise<Date | undefined> {
    try {
      return (await lstat(join(stateDir, FILE))).mtime;
    } catch {
      return undefined;
    }
  }

  /** Touches the file now, and from now on; does not keep the process alive. Never throws. */
  async start(): Promise<void> {
    this.#timer ??= setInterval(() => void this.#touch(), INTERVAL_MS).unref();
    await this.#touch();
  }

  /** Touches the file a last time. Never throws. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    await this.#touching;
    await this.#touch();
  }

  /** A touch that a slow disk delays is not overtaken by the next. */
  async #touch(): Promise<void> {
    this.#touching ??= this.#touchNow().finally(() => {
      this.#touching = undefined;
    });
    await this.#touching;
  }

  async #touchNow(): Promise<void> {
    try {
      await this.#setTime();
      this.#isInTrouble = false;
    } catch (error) {
      if (!this.#isInTrouble) this.#log.warn('heartbeat not written', { path: this.#path, error: errorMessage(error) });
      this.#isInTrouble = true;
    }
  }

  async #setTime(): Promise<void> {
    const now = this.#now();
    try {
      await utimes(this.#path, now, now);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      const { O_WRONLY, O_CREAT, O_NOFOLLOW } = constants;
      await (await open(this.#path, O_WRONLY | O_CREAT | O_NOFOLLOW, 0o600)).close();
      await utimes(this.#path, now, now);
    }
  }
}
