import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../log/logger.js';
import type { Claim } from '../queue/queue-client.js';
import { errorMessage } from '../util/error-message.js';
import { UNFINISHED, readStateFile, replaceStateFile } from '../util/state-file.js';
import { newRunRecord, parseRunRecord } from './run-record.js';
import type { RunRecord } from './run-record.js';

const ENDING = '.json';

/** Keeps the records of runs that are not over, each in a file of its own that only its owner can read. */
export class RunJournal {
  readonly #directory: string;
  readonly #open = new Set<string>();

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** Makes `<stateDir>/runs` when it is missing. */
  static async open(stateDir: string): Promise<RunJournal> {
    const directory = join(stateDir, 'runs');
    await mkdir(directory, { recursive: true, mode: 0o700 });
    return new RunJournal(directory);
  }

  /** The entry of a run that this worker has claimed. Nothing is written before its first update. */
  entry(claim: Claim): RunEntry {
    const key = keyOf(claim);
    this.#open.add(key);
    return new RunEntry(this.#pathOf(key), newRunRecord(claim), () => this.#open.delete(key));
  }

  /** True for a run of this worker that has not been removed yet. */
  isOpen(run: { readonly taskId: string; readonly runId: number }): boolean {
    return this.#open.has(keyOf(run));
  }

  /**
   * The entries that a worker before this one left because it died. What can't be understood is told to the operator and
   * deleted, as it may hold credentials.
   */
  async abandoned(log: Logger): Promise<readonly RunEntry[]> {
    const entries: RunEntry[] = [];
    for (const name of await readdir(this.#directory)) {
      const path = join(this.#directory, name);
      const key = name.slice(0, -ENDING.length);
      if (name.endsWith(UNFINISHED)) await rm(path, { force: true });
      if (!name.endsWith(ENDING) || this.#open.has(key)) continue;
      try {
        const record = parseRunRecord((await readStateFile(path)) ?? '');
        if (keyOf(record) !== key) throw new Error(`it is the record of ${keyOf(record)}`);
        entries.push(new RunEntry(path, record, () => undefined));
      } catch (error) {
        log.error('record of a run cannot be read', { path, error: errorMessage(error) });
        await rm(path, { force: true, recursive: true });
      }
    }
    return entries;
  }

  #pathOf(key: string): string {
    return join(this.#directory, key + ENDING);
  }
}

function keyOf({ taskId, runId }: { readonly taskId: string; readonly runId: number }): string {
  return `${taskId}.${runId}`;
}

/** One run's record. Updates are written in order and atomically: a reader finds the old or the new one, never half. */
export class RunEntry {
  readonly #path: string;
  readonly #onRemoved: () => void;
  #record: RunRecord;
  #writes: Promise<void> = Promise.resolve();

  constructor(path: string, record: RunRecord, onRemoved: () => void) {
    this.#path = path;
    this.#record = record;
    this.#onRemoved = onRemoved;
  }

  get record(): RunRecord {
    return this.#record;
  }

  /** Resolves when the record is on its way to the disk (no fsync: a machine that dies loses its claims anyway). */
  async update(changes: Partial<RunRecord>): Promise<void> {
    this.#record = { ...this.#record, ...changes };
    const text = JSON.stringify(this.#record);
    await this.#next(() => replaceStateFile(this.#path, text));
  }

  /** Forgets the run, its credentials above all. */
  async remove(): Promise<void> {
    await this.#next(async () => {
      // What a write left that failed half-way holds credentials too.
      await rm(this.#path + UNFINISHED, { force: true });
      await rm(this.#path, { force: true });
    });
    this.#onRemoved();
  }

  async #next(write: () => Promise<void>): Promise<void> {
    const done = this.#writes.then(write);
    this.#writes = done.catch(() => undefined);
    await done;
  }
}
