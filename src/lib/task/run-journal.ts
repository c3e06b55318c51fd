import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../log/logger.js';
import type { Claim } from '../queue/queue-client.js';
import { errorMessage } from '../util/error-message.js';
import { UNFINISHED, readStateFile, replaceStateFile } from '../util/state-file.js';
import { newRunRecord, parseRunRecord } from './run-record.js';
import type { RunRecord } from './run-record.js';
import { makeDirectory } from '../util/make-directory.js';

const ENDING = '.json';
/** Files with the claims of one answer, a record on each line. */
const CLAIMS_ENDING = '.claims';

/** The claims of one answer whose runs have not been written by themselves yet. */
interface Batch {
  readonly path: string;
  readonly waiting: Set<string>;
}

/** Keeps the records of runs that are not over, each in a file of its own that only its owner can read. */
export class RunJournal {
  readonly #directory: string;
  readonly #open = new Set<string>();
  /** By the run. */
  readonly #batches = new Map<string, Batch>();

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** Makes `<stateDir>/runs` when it is missing. */
  static async open(stateDir: string): Promise<RunJournal> {
    const directory = join(stateDir, 'runs');
    await makeDirectory(directory, 0o700);
    return new RunJournal(directory);
  }

  /**
   * Records all claims of an answer before anything is done for them, in one write that blocks: a worker that is killed at
   * this moment leaves as few claims as possible that nobody knows of. Fails as the file system does.
   */
  noteClaims(claims: readonly Claim[]): void {
    const path = join(this.#directory, randomBytes(8).toString('hex') + CLAIMS_ENDING);
    const text = claims.map((claim) => `${JSON.stringify(newRunRecord(claim))}\n`).join('');
    // Not renamed into place: of a file that was cut off the whole lines count.
    writeFileSync(path, text, { flag: 'wx', mode: 0o600 });
    const batch = { path, waiting: new Set(claims.map(keyOf)) };
    for (const key of batch.waiting) this.#batches.set(key, batch);
  }

  /** The entry of a run that this worker has claimed. Nothing is written before its first update. */
  entry(claim: Claim): RunEntry {
    const key = keyOf(claim);
    this.#open.add(key);
    return new RunEntry(this.#pathOf(key), newRunRecord(claim), {
      onWritten: () => this.#leaveBatch(key),
      onRemoved: () => {
        this.#open.delete(key);
      },
    });
  }

  /** The file of a batch goes once each of its runs has one of its own, or is over. */
  async #leaveBatch(key: string): Promise<void> {
    const batch = this.#batches.get(key);
    if (!batch) return;
    this.#batches.delete(key);
    batch.waiting.delete(key);
    if (batch.waiting.size === 0) await rm(batch.path, { force: true });
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
    const names = await readdir(this.#directory);
    const entries = new Map<string, RunEntry>();
    for (const name of names) {
      const path = join(this.#directory, name);
      const key = name.slice(0, -ENDING.length);
      if (name.endsWith(UNFINISHED)) await rm(path, { force: true });
      if (!name.endsWith(ENDING) || this.#open.has(key)) continue;
      try {
        const record = parseRunRecord((await readStateFile(path)) ?? '');
        if (keyOf(record) !== key) throw new Error(`it is the record of ${keyOf(record)}`);
        entries.set(key, new RunEntry(path, record));
      } catch (error) {
        log.error('record of a run cannot be read', { path, error: errorMessage(error) });
        await rm(path, { force: true, recursive: true });
      }
    }
    for (const name of names) {
      if (name.endsWith(CLAIMS_ENDING)) await this.#splitBatch(join(this.#directory, name), entries, log);
    }
    return [...entries.values()];
  }

  /** Gives each run of a batch that has no file yet one of its own. The batch stays when that can't be written. */
  async #splitBatch(path: string, entries: Map<string, RunEntry>, log: Logger): Promise<void> {
    if ([...this.#batches.values()].some((batch) => batch.path === path)) return;
    const added: RunEntry[] = [];
    for (const record of await readBatch(path, log)) {
      const key = keyOf(record);
      if (entries.has(key) || this.#open.has(key)) continue;
      const entry = new RunEntry(this.#pathOf(key), record);
      entries.set(key, entry);
      added.push(entry);
    }
    try {
      for (const entry of added) await entry.update({});
      await rm(path, { force: true, recursive: true });
    } catch (error) {
      log.error('journal could not be written', { path, error });
    }
  }

  #pathOf(key: string): string {
    return join(this.#directory, key + ENDING);
  }
}

/** What can be understood of it: a write that was cut off leaves whole lines, and a part of one at the end. */
async function readBatch(path: string, log: Logger): Promise<readonly RunRecord[]> {
  const records: RunRecord[] = [];
  try {
    for (const line of ((await readStateFile(path)) ?? '').split('\n').filter(Boolean))
      records.push(parseRunRecord(line));
  } catch (error) {
    log.error('record of a run cannot be read', { path, error: errorMessage(error) });
  }
  return records;
}

function keyOf({ taskId, runId }: { readonly taskId: string; readonly runId: number }): string {
  return `${taskId}.${runId}`;
}

interface RunEntryHooks {
  /** Called after each write, and before the removal: nothing else needs to tell of the run. */
  readonly onWritten?: () => Promise<void>;
  readonly onRemoved?: () => void;
}

/** One run's record. Updates are written in order and atomically: a reader finds the old or the new one, never half. */
export class RunEntry {
  readonly #path: string;
  readonly #hooks: RunEntryHooks;
  #record: RunRecord;
  #writes: Promise<void> = Promise.resolve();

  constructor(path: string, record: RunRecord, hooks: RunEntryHooks = {}) {
    this.#path = path;
    this.#record = record;
    this.#hooks = hooks;
  }

  get record(): RunRecord {
    return this.#record;
  }

  /** Resolves when the record is on its way to the disk (no fsync: a machine that dies loses its claims anyway). */
  async update(changes: Partial<RunRecord>): Promise<void> {
    this.#record = { ...this.#record, ...changes };
    const text = JSON.stringify(this.#record);
    await this.#next(async () => {
      await replaceStateFile(this.#path, text);
      await this.#hooks.onWritten?.();
    });
  }

  /** Forgets the run, its credentials above all. */
  async remove(): Promise<void> {
    await this.#next(async () => {
      await this.#hooks.onWritten?.();
      // What a write left that failed half-way holds credentials too.
      await rm(this.#path + UNFINISHED, { force: true });
      await rm(this.#path, { force: true });
    });
    this.#hooks.onRemoved?.();
  }

  async #next(write: () => Promise<void>): Promise<void> {
    const done = this.#writes.then(write);
    this.#writes = done.catch(() => undefined);
    await done;
  }
}
