import { NAME_RULE, quotedName } from '../../artifacts/artifact-name.js';
import { TaskError } from '../../outcome/errors.js';
import type { TaskOutput } from '../../outcome/task-output.js';
import { errorMessage } from '../../util/error-message.js';
import { ArtifactTally, formatBytes } from './artifact-tally.js';

/** Most names listed in the log; the rest are counted, because a task can have millions. */
const LISTED_NAMES = 20;

/** A list that keeps its first items and counts the rest. */
class Listing {
  readonly #first: string[] = [];
  #count = 0;

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  add(item: string): void {
    if (this.#count++ < LISTED_NAMES) this.#first.push(item);
  }

  toString(): string {
    const more = this.#count - this.#first.length;
    return `${this.#first.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
  }
}

export interface DirectoryReportOptions {
  /** The artifact's name. */
  readonly name: string;
  readonly output: TaskOutput;
  readonly maxFileBytes: number;
}

/** Reports in the task's log which files of a directory artifact were uploaded, and which were not. */
export class DirectoryReport {
  readonly tally = new ArtifactTally();
  readonly #problems: unknown[] = [];
  readonly #name: string;
  readonly #output: TaskOutput;
  readonly #maxFileBytes: number;
  #depth = 0;
  /** Number of files and directories. */
  #unreadable = 0;
  /** Files with invalid names, in the current reading. */
  #invalidNames = new Listing();
  /** Directories, in the current reading. */
  #tooDeep = new Listing();
  readonly #tooLarge = new Listing();
  /** Names that belong to other artifacts. */
  readonly #taken = new Set<string>();
  readonly #listedTaken = new Listing();

  constructor({ name, output, maxFileBytes }: DirectoryReportOptions) {
    this.#name = inQuotes(name);
    this.#output = output;
    this.#maxFileBytes = maxFileBytes;
  }

  /** The problems so far; each has a line in the log, at the latest after `summarize`. */
  get problems(): readonly unknown[] {
    return this.#problems;
  }

  /** Must be called before the archive is read again, which finds the same entries. */
  beginReading(): void {
    this.tally.forgetSkipped();
    this.#invalidNames = new Listing();
    this.#tooDeep = new Listing();
  }

  invalidName(file: string): void {
    this.#invalidNames.add(quotedName(file));
  }

  taken(name: string, other: string): void {
    if (this.#taken.has(name)) return;
    this.#taken.add(name);
    const message = `${quotedName(name)} is published by ${other}`;
    this.#listedTaken.add(message);
    this.#problems.push(TaskError.failed(message));
  }

  tooLarge(file: string, bytes: number): void {
    const message = `${quotedName(file)} (${formatBytes(bytes)})`;
    this.#tooLarge.add(message);
    this.#problems.push(TaskError.failed(`${message} is too large`));
  }

  tooDeep(directory: string): void {
    if (this.#tooDeep.isEmpty) this.#depth = directory.split('/').length - 1;
    this.#tooDeep.add(quotedName(directory));
  }

  /** Reports that reading stopped: skipping this file would take too long. */
  readingStopped(file: string, bytes: number): void {
    const message = `Artifact ${this.#name}: files after ${quotedName(file)} in the directory were not read, because skipping its ${formatBytes(bytes)} would take too long`;
    this.failed('', '', TaskError.failed(message));
  }

  failed(name: string, file: string, error: unknown): void {
    this.#problems.push(error);
    this.#output.error(failureLine(name, file, error));
  }

  /** Reports a file or directory of a volume on the worker's own disk. The first 20 get a line each. */
  unreadable(file: string, error: unknown): void {
    const message = unreadableMessage(`Artifact ${this.#name}`, file, error);
    this.#problems.push(error);
    if (this.#unreadable++ < LISTED_NAMES) this.#output.error(message);
  }

  /** Writes to the log what was published and what was not. */
  summarize(path: string): void {
    const { files, bytes, skipped } = this.tally;
    this.#output.line(`Uploaded artifact ${this.#name} from ${inQuotes(path)}: ${files}, ${bytes}`);
    if (skipped) this.#output.line(`Artifact ${this.#name}: skipped ${skipped}; only files are uploaded`);
    if (!this.#invalidNames.isEmpty) {
      // Not an error line: the task does not fail because of it.
      this.#output.line(
        `Artifact ${this.#name}: not uploaded because of their names: ${this.#invalidNames.toString()}; ${NAME_RULE}`,
      );
    }
    if (!this.#tooDeep.isEmpty) {
      const message = `Artifact ${this.#name}: entries more than ${this.#depth} directories deep are not uploaded: ${this.#tooDeep.toString()}`;
      this.failed('', '', TaskError.failed(message));
    }
    if (this.#unreadable > LISTED_NAMES) {
      this.#output.error(`Artifact ${this.#name}: ${this.#unreadable - LISTED_NAMES} more could not be read`);
    }
    if (!this.#tooLarge.isEmpty) {
      const limit = formatBytes(this.#maxFileBytes);
      this.#output.error(
        `Artifact ${this.#name}: not uploaded because they are larger than this worker accepts (${limit}): ${this.#tooLarge.toString()}`,
      );
    }
    if (!this.#listedTaken.isEmpty) {
      this.#output.error(
        `Artifact ${this.#name}: files not uploaded because their names are taken: ${this.#listedTaken.toString()}. Rename them.`,
      );
    }
  }
}

/** Returns a path that is safe in a line of the log: without line breaks or control characters for a terminal. */
export function inQuotes(path: string): string {
  return JSON.stringify(path);
}

/** Returns the log line for a failed file. Errors of uploads already name the artifact. */
export function failureLine(name: string, path: string, error: unknown): string {
  if (error instanceof TaskError) return error.message;
  return `Artifact ${quotedName(name)} could not be read from ${inQuotes(path)}: ${errorMessage(error)}`;
}

/** Returns the message for a file or directory on disk that the worker can't read. `artifact` begins the sentence. */
export function unreadableMessage(artifact: string, file: string, error: unknown): string {
  return `${artifact}: ${inQuotes(file)} could not be read: ${errorMessage(error)}`;
}
