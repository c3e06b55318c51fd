import { constants, mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Claim, Credentials } from '../queue/queue-client.js';

/** The phases of a run, in their order. */
export type Phase =
  'claimed' | 'admit' | 'prepare' | 'compile' | 'execute' | 'collect' | 'finish' | 'report' | 'cleanup';

/** The durable facts of a run: what a worker that starts after a crash has to know about it. */
export interface RunRecord {
  readonly taskId: string;
  readonly runId: number;
  readonly workerGroup: string;
  readonly workerId: string;
  /** ISO 8601. */
  readonly takenUntil: string;
  readonly credentials: Credentials;
  readonly phase: Phase;
  /** Directory of the run's log and temporary files. */
  readonly directory?: string;
  readonly containerId?: string;
}

/** Keeps the records of runs that are not over, each in a file of its own that only its owner can read. */
export class RunJournal {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** Makes `<stateDir>/runs` when it is missing. */
  static async open(stateDir: string): Promise<RunJournal> {
    const directory = join(stateDir, 'runs');
    await mkdir(directory, { recursive: true, mode: 0o700 });
    return new RunJournal(directory);
  }

  entry(claim: Claim): RunEntry {
    const { taskId, runId, workerGroup, workerId, takenUntil, credentials } = claim;
    return new RunEntry(join(this.#directory, `${taskId}.${runId}.json`), {
      taskId,
      runId,
      workerGroup,
      workerId,
      takenUntil: takenUntil.toISOString(),
      credentials,
      phase: 'claimed',
    });
  }
}

/** One run's record. Updates are written in order and atomically: a reader finds the old or the new one, never half. */
export class RunEntry {
  readonly #path: string;
  #record: RunRecord;
  #writes: Promise<void> = Promise.resolve();

  constructor(path: string, record: RunRecord) {
    this.#path = path;
    this.#record = record;
  }

  /** Resolves when the record is on its way to the disk (no fsync: a machine that dies loses its claims anyway). */
  async update(changes: Partial<RunRecord>): Promise<void> {
    this.#record = { ...this.#record, ...changes };
    const text = JSON.stringify(this.#record);
    await this.#next(() => replaceFile(this.#path, text));
  }

  /** Forgets the run, its credentials above all. */
  async remove(): Promise<void> {
    await this.#next(async () => {
      // What a write left that failed half-way holds credentials too.
      await rm(nextOf(this.#path), { force: true });
      await rm(this.#path, { force: true });
    });
  }

  async #next(write: () => Promise<void>): Promise<void> {
    const done = this.#writes.then(write);
    this.#writes = done.catch(() => undefined);
    await done;
  }
}

function nextOf(path: string): string {
  return `${path}.next`;
}

async function replaceFile(path: string, text: string): Promise<void> {
  const next = nextOf(path);
  const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW } = constants;
  const file = await open(next, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o600);
  try {
    await file.writeFile(text);
  } finally {
    await file.close();
  }
  await rename(next, path);
}
