import { statfs } from 'node:fs/promises';
import type { Logger } from '../log/logger.js';
import { errorMessage } from '../util/error-message.js';

export interface DiskSpaceOptions {
  /** `dockerVolume`: its file system is the one measured. */
  readonly path: string;
  readonly log: Logger;
  /** Default: the bytes of the file system that this process may use. */
  readonly read?: (path: string) => Promise<number>;
}

/** The free space on a file system. */
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

  /** Returns bytes; undefined when it can't be read. That is alerted once, until a later read succeeds. */
  async freeBytes(): Promise<number | undefined> {
    try {
      const bytes = await this.#read(this.#path);
      if (!this.#isReadable) this.#log.info('free disk space known again', { path: this.#path });
      this.#isReadable = true;
      return bytes;
    } catch (error) {
      if (this.#isReadable) {
        const advice = 'No tasks are claimed until the free space at dockerVolume can be read.';
        this.#log.alert('free disk space unknown', { path: this.#path, error: errorMessage(error), advice });
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
