import { statfs } from 'node:fs/promises';
import type { Logger } from '../log/logger.js';
import { errorMessage } from '../util/error-message.js';

export interface DiskSpaceOptions {
  /** `dockerVolume`: the file system it is on is the one that counts. */
  readonly path: string;
  readonly log: Logger;
  /** Default: what the file system says that this process can use of it. */
  readonly read?: (path: string) => Promise<number>;
}

/** The room left on a file system. */
export class DiskSpace {
  readonly #path: string;
  readonly #log: Logger;
  readonly #read: (path: string) => Promise<number>;
  #isReadable = true;

  constructor({ path, log, read = availableBytes }: DiskSpaceOptions) {
    this.#path = path;
    this.#log = log;
    this.#read = read;
  }

  /** Bytes; undefined when it can't be told, which is alerted once and no more until it can be told again. */
  async freeBytes(): Promise<number | undefined> {
    try {
      const bytes = await this.#read(this.#path);
      if (!this.#isReadable) this.#log.info('free disk space is known again', { path: this.#path });
      this.#isReadable = true;
      return bytes;
    } catch (error) {
      if (this.#isReadable) {
        const advice = 'No task is claimed until it can be told how much room is left at dockerVolume.';
        this.#log.alert('free disk space cannot be read', { path: this.#path, error: errorMessage(error), advice });
      }
      this.#isReadable = false;
      return undefined;
    }
  }
}

async function availableBytes(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(path);
  return bavail * bsize;
}
