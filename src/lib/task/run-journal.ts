import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../log/logger.js';
import type { Claim } from '../queue/queue-client.js';
import { errorMessage } from '../util/error-message.js';
import { UNFINISHED, readStateFile, replaceStateFile } from '../util/state-file.js';
import { newRunRecord, parseRunRecord, runRecordText } from './run-record.js';
import type { RunRecord } from './run-record.js';
import { makeDirectory } from '../util/make-directory.js';

const ENDING = '.json';
/** Files with the claims of one response, one record per line. */
const CLAIMS_ENDING = '.claims';

/** The claims of one response whose runs do not have their own files yet. */
interface Batch {
  readonly path: string;
  readonly waiting: Set<string>;
}

/** Keeps the records of unfinished runs, each in its own file that only its owner can read. */
export class RunJournal {
  readonly #directory: string;
  readonly #open = new Set<string>();
  /** Batches by run. */
  readonly #batches = new Map<string, Batch>();

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** Creates `<stateDir>/runs` if it is missing. */
  static async open(stateDir: string): Promise<RunJournal> {
    const directory = join(stateDir, 'runs');
    await makeDirectory(directory, 0o700);
    return new RunJournal(directory);
  }

  /**
   * Records all claims of a response before anything is done for them, in one synchronous write: if the worker is
   * killed at this moment, as few claims as possible go unrecorded. Throws file system errors.
   */
  noteClaims(claims: readonly Claim[]): void {
    const path = join(this.#directory, randomBytes(8).toString('hex') + CLAIMS_ENDING);
    const text = claims.map((claim) => `${runRecordText(newRunRecord(claim))}\n`).join('');
    // Not renamed into place: the complete lines of a truncated file still count.
    writeFileSync(path, text, { flag: 'wx', mode: 0o600 });
    const batch = { path, waiting: new Set(claims.map(keyOf)) };
    for (const key of batch.waiting) this.#batches.set(key, batch);
  }

  /** Returns the entry of a run that this worker has claimed. Nothing is written before its first update. */
  entry(claim: Claim): RunEntry {
    this.#open.add(keyOf(claim));
    return this.#entryOf(newRunRecord(claim));
  }

  /**
   * Makes the run of an abandoned entry one of this worker, which continues it: the run is open until the returned
   * entry is removed. That is the same entry, so that two never write one file.
   */
  reopen(entry: RunEntry): RunEntry {
    this.#open.add(keyOf(entry.record));
    return entry;
  }

  #entryOf(record: RunRecord): RunEntry {
    const key = keyOf(record);
    return new RunEntry(this.#pathOf(key), record, {
      onWritten: () => this.#leaveBatch(key),
      onRemoved: () => {
        this.#open.delete(key);
      },
    });
  }

  /** Deletes the file of a batch once each of its runs has its own file or is over. */
  async #leaveBatch(key: string): Promise<void> {
    const batch = this.#batches.get(key);
    if (!batch) return;
    this.#batches.delete(key);
    batch.waiting.delete(key);
    if (batch.waiting.size === 0) await rm(batch.path, { force: true });
  }

  /** Returns true for a run of this worker that has not been removed yet. */
  isOpen(run: { readonly taskId: string; readonly runId: number }): boolean {
    return this.#open.has(keyOf(run));
  }

  /**
   * Returns the entries left by a previous worker that died. An unreadable entry is logged and deleted, as it may hold
   * credentials; one that can only be reported is logged too.
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
        const record = parseAndTell((await readStateFile(path)) ?? '', path, log);
        if (keyOf(record) !== key) throw new Error(`it is the record of ${keyOf(record)}`);
        entries.set(key, this.#entryOf(record));
      } catch (error) {
        log.error('run record not readable', { path, error: errorMessage(error) });
        await rm(path, { force: true, recursive: true });
      }
    }
    for (const name of names) {
      if (name.endsWith(CLAIMS_ENDING)) await this.#splitBatch(join(this.#directory, name), entries, log);
    }
    return [...entries.values()];
  }

  /** Writes a file for each run of a batch that has none yet. Keeps the batch if that fails. */
  async #splitBatch(path: string, entries: Map<string, RunEntry>, log: Logger): Promise<void> {
    if ([...this.#batches.values()].some((batch) => batch.path === path)) return;
    const added: RunEntry[] = [];
    for (const record of await readBatch(path, log)) {
      const key = keyOf(record);
      if (entries.has(key) || this.#open.has(key)) continue;
      const entry = this.#entryOf(record);
      entries.set(key, entry);
      added.push(entry);
    }
    try {
      for (const entry of added) await entry.update({});
      await rm(path, { force: true, recursive: true });
    } catch (error) {
      log.error('run journal not written', { path, error });
    }
  }

  #pathOf(key: string): string {
    return join(this.#directory, key + ENDING);
  }
}

/** Returns the readable records of a batch: an interrupted write leaves complete lines, and part of one at the end. */
async function readBatch(path: string, log: Logger): Promise<readonly RunRecord[]> {
  const records: RunRecord[] = [];
  try {
    for (const line of ((await readStateFile(path)) ?? '').split('\n').filter(Boolean))
      records.push(parseAndTell(line, path, log));
  } catch (error) {
    log.error('run record not readable', { path, error: errorMessage(error) });
  }
  return records;
}

function parseAndTell(text: string, path: string, log: Logger): RunRecord {
  return parseRunRecord(text, (reason) => {
    log.error('run record not usable', { path, reason });
  });
}

function keyOf({ taskId, runId }: { readonly taskId: string; readonly runId: number }): string {
  return `${taskId}.${runId}`;
}

interface RunEntryHooks {
  /** Called after each write and before the removal: the batch is then no longer needed for this run. */
  readonly onWritten: () => Promise<void>;
  readonly onRemoved: () => void;
}

/** One run's record. Updates are written in order and atomically: a reader finds the old or the new one. */
export class RunEntry {
  readonly #path: string;
  readonly #hooks: RunEntryHooks;
  #record: RunRecord;
  #writes: Promise<void> = Promise.resolve();

  constructor(path: string, record: RunRecord, hooks: RunEntryHooks) {
    this.#path = path;
    this.#record = record;
    this.#hooks = hooks;
  }

  get record(): RunRecord {
    return this.#record;
  }

  /** Resolves once the record is written (without fsync: a machine that dies loses its claims anyway). */
  async update(changes: Partial<RunRecord>): Promise<void> {
    this.#record = { ...this.#record, ...changes };
    const text = runRecordText(this.#record);
    await this.#next(async () => {
      await replaceStateFile(this.#path, text);
      await this.#hooks.onWritten();
    });
  }

  /** Deletes the run's record, above all its credentials. */
  async remove(): Promise<void> {
    await this.#next(async () => {
      await this.#hooks.onWritten();
      // A write that failed half-way leaves credentials too.
      await rm(this.#path + UNFINISHED, { force: true });
      await rm(this.#path, { force: true });
    });
    this.#hooks.onRemoved();
  }

  async #next(write: () => Promise<void>): Promise<void> {
    const done = this.#writes.then(write);
    this.#writes = done.catch(() => undefined);
    await done;
  }
}
