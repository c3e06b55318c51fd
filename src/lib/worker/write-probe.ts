import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../log/logger.js';
import { errorMessage } from '../util/error-message.js';

/** A block of a file system: on a full one even that does not fit. */
const CONTENT = Buffer.alloc(4096, '.');
const FILE = '.can-be-written';

/**
 * Whether there can be files in the directories that every run needs. Without them a task would be claimed only to be
 * resolved internal-error, without a log, and the next one after it.
 */
export class WriteProbe {
  readonly #directories: readonly string[];
  readonly #log: Logger;
  #isInTrouble = false;

  constructor(directories: readonly string[], log: Logger) {
    this.#directories = directories;
    this.#log = log;
  }

  /** Writes a file to each and deletes it. The operator hears of it once when that fails, and when it works again. */
  async canWrite(): Promise<boolean> {
    for (const path of this.#directories) {
      try {
        await probe(path);
      } catch (error) {
        if (!this.#isInTrouble) this.#log.alert('files not writable', { path, error: errorMessage(error) });
        this.#isInTrouble = true;
        return false;
      }
    }
    if (this.#isInTrouble) this.#log.info('files writable again');
    this.#isInTrouble = false;
    return true;
  }
}

/** Always the same file: what a worker leaves that dies just then, the next one deletes. */
async function probe(directory: string): Promise<void> {
  const path = join(directory, FILE);
  try {
    await writeFile(path, CONTENT, { mode: 0o600 });
  } finally {
    await rm(path, { force: true });
  }
}
