import { readStateFile, replaceStateFile } from '../util/state-file.js';
import { openForAppend } from './follower.js';
import { OutputMap } from './output-map.js';

/**
 * The file that keeps the map of a log's output. Entries are on the disk as far as a crash of this process goes, not of
 * the machine, which no container survives.
 */
export class OutputNotes {
  readonly #path: string;
  #isLost = false;

  constructor(logPath: string) {
    this.#path = `${logPath}.own`;
  }

  /**
   * Returns the map of a log that has `size` bytes now, and brings the file in line with it; undefined if there is no
   * file. Throws file system errors.
   */
  async load(size: number): Promise<OutputMap | undefined> {
    const text = await readStateFile(this.#path);
    if (text === undefined) return undefined;
    const map = OutputMap.parse(text);
    map.clip(size);
    // Entries that stay must be whole, or the next one would be read as a part of the last.
    if (map.toString() !== text) await replaceStateFile(this.#path, map.toString());
    return map;
  }

  /**
   * Adds entries to the file. Throws file system errors. After an error it does nothing: the last entry may be there in
   * part, and the log failed with it, so that no worker has a use for more.
   */
  async add(entries: string): Promise<void> {
    if (this.#isLost) return;
    this.#isLost = true;
    const file = await openForAppend(this.#path);
    try {
      await file.appendFile(entries);
    } finally {
      await file.close();
    }
    this.#isLost = false;
  }
}
