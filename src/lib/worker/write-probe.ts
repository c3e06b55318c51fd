import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../log/logger.js';
import { errorMessage } from '../util/error-message.js';

/** One file system block, which does not fit on a full disk. */
const CONTENT = Buffer.alloc(4096, '.');
const FILE = '.can-be-written';

/**
 * Checks that the directories that every run needs are writable. Otherwise one task after another would be claimed only
 * to be resolved internal-error, without a log.
 */
export class WriteProbe {
  readonly #directories: readonly string[];
  readonly #log: Logger;
  #isInTrouble = false;

  constructor(directories: readonly string[], log: Logger) {
    this.#directories = directories;
    this.#log = log;
  }

  /** Writes a file to each and deletes it. Alerts the operator once when that fails, and logs when it works again. */
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

/** Uses the same file every time, so that the next worker deletes it if this one dies in between. */
async function probe(directory: string): Promise<void> {
  const path = join(directory, FILE);
  try {
    await writeFile(path, CONTENT, { mode: 0o600 });
  } finally {
    await rm(path, { force: true });
  }
}
