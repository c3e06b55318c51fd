import { readStateFile, replaceStateFile } from '../util/state-file.js';
import { openForAppend } from './follower.js';
import { OutputMap } from './output-map.js';

/**
 * The file that keeps the map of a log's output. Entries are on the disk as far as a crash of this process goes, not of
 * the machine, which no container survives.
 */
export class OutputNotes {
  readonly #path: string;
  /** Whether the last entries may be there in part. */
  #isTorn = false;

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

  /** Adds the last entries of `map`, which is written as a whole after an error. Throws file system errors. */
  async add(entries: string, map: OutputMap): Promise<void> {
    if (this.#isTorn) {
      await replaceStateFile(this.#path, map.toString());
    } else {
      this.#isTorn = true;
      await append(this.#path, entries);
    }
    this.#isTorn = false;
  }
}

async function append(path: string, text: string): Promise<void> {
  const file = await openForAppend(path);
  try {
    await file.appendFile(text);
  } finally {
    await file.close();
  }
}
