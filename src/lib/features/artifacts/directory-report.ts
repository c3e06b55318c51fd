import { NAME_RULE, quotedName } from '../../artifacts/artifact-name.js';
import { TaskError } from '../../outcome/errors.js';
import type { TaskOutput } from '../../outcome/task-output.js';
import { errorMessage } from '../../util/error-message.js';
import { ArtifactTally, sizeInWords } from './artifact-tally.js';

/** Names listed one by one in the log; the rest is counted, as a task can have millions of them. */
const LISTED_NAMES = 20;

/** The first of many things, and how many there are. */
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
  /** Of the artifact. */
  readonly name: string;
  readonly output: TaskOutput;
  readonly maxFileBytes: number;
}

/** What became of a directory artifact's files, for the task's log. */
export class DirectoryReport {
  readonly tally = new ArtifactTally();
  readonly #problems: unknown[] = [];
  readonly #name: string;
  readonly #output: TaskOutput;
  readonly #maxFileBytes: number;
  #depth = 0;
  /** Files and directories. */
  #unreadable = 0;
  /** Of this reading. */
  #odd = new Listing();
  /** Directories. */
  #tooDeep = new Listing();
  readonly #tooLarge = new Listing();
  /** Names that belong to something else. */
  readonly #taken = new Set<string>();
  readonly #listedTaken = new Listing();

  constructor({ name, output, maxFileBytes }: DirectoryReportOptions) {
    this.#name = inQuotes(name);
    this.#output = output;
    this.#maxFileBytes = maxFileBytes;
  }

  /** What went wrong so far; each has its line in the log, at the latest once it is summarized. */
  get problems(): readonly unknown[] {
    return this.#problems;
  }

  /** A new reading of the archive comes upon the same things again. */
  beginReading(): void {
    this.tally.forgetSkipped();
    this.#odd = new Listing();
    this.#tooDeep = new Listing();
  }

  odd(file: string): void {
    this.#odd.add(quotedName(file));
  }

  taken(name: string, other: string): void {
    if (this.#taken.has(name)) return;
    this.#taken.add(name);
    const words = `${quotedName(name)} is published by ${other}`;
    this.#listedTaken.add(words);
    this.#problems.push(TaskError.failed(words));
  }

  tooLarge(file: string, bytes: number): void {
    const words = `${quotedName(file)} (${sizeInWords(bytes)})`;
    this.#tooLarge.add(words);
    this.#problems.push(TaskError.failed(`${words} is too large`));
  }

  tooDeep(directory: string): void {
    if (this.#tooDeep.isEmpty) this.#depth = directory.split('/').length - 1;
    this.#tooDeep.add(quotedName(directory));
  }

  /** Nothing is read any more: to skip the file of so many bytes would take too long. */
  cut(file: string, bytes: number): void {
    const words = `Artifact ${this.#name}: what comes after ${quotedName(file)} in the directory was not read, as skipping its ${sizeInWords(bytes)} would take too long`;
    this.failed('', '', TaskError.failed(words));
  }

  failed(name: string, file: string, error: unknown): void {
    this.#problems.push(error);
    this.#output.error(failureLine(name, file, error));
  }

  /** A file or a directory of a volume, which the worker reads from its own disk. Each has a line, up to a number. */
  unreadable(file: string, error: unknown): void {
    const words = unreadableMessage(`Artifact ${this.#name}`, file, error);
    // Anything else is trouble of this machine.
    const isDenied = (error as NodeJS.ErrnoException).code === 'EACCES';
    this.#problems.push(isDenied ? TaskError.failed(words, error) : error);
    if (this.#unreadable++ < LISTED_NAMES) this.#output.error(words);
  }

  /** Says what was published and what was not. */
  summarize(path: string): void {
    const { files, bytes, skipped } = this.tally;
    this.#output.line(`Uploaded artifact ${this.#name} from ${inQuotes(path)}: ${files}, ${bytes}`);
    if (skipped) this.#output.line(`Artifact ${this.#name}: skipped ${skipped}; only files are uploaded`);
    if (!this.#odd.isEmpty) {
      // No error: the task does not fail for it.
      this.#output.line(
        `Artifact ${this.#name}: not uploaded because of their names: ${this.#odd.toString()}; ${NAME_RULE}`,
      );
    }
    if (!this.#tooDeep.isEmpty) {
      const words = `Artifact ${this.#name}: what is more than ${this.#depth} directories deep is not uploaded: ${this.#tooDeep.toString()}`;
      this.failed('', '', TaskError.failed(words));
    }
    if (this.#unreadable > LISTED_NAMES) {
      this.#output.error(`Artifact ${this.#name}: ${this.#unreadable - LISTED_NAMES} more could not be read`);
    }
    if (!this.#tooLarge.isEmpty) {
      const limit = sizeInWords(this.#maxFileBytes);
      this.#output.error(
        `Artifact ${this.#name}: not uploaded because they are larger than this worker takes (${limit}): ${this.#tooLarge.toString()}`,
      );
    }
    if (!this.#listedTaken.isEmpty) {
      this.#output.error(
        `Artifact ${this.#name}: files not uploaded because their names are taken: ${this.#listedTaken.toString()}. Rename them.`,
      );
    }
  }
}

/** A path as it can stand in a line of the log: no line breaks, nothing that a terminal would obey. */
export function inQuotes(path: string): string {
  return JSON.stringify(path);
}

/** What uploads say of themselves names the artifact already. */
export function failureLine(name: string, path: string, error: unknown): string {
  if (error instanceof TaskError) return error.message;
  return `Artifact ${quotedName(name)} could not be read from ${inQuotes(path)}: ${errorMessage(error)}`;
}

/** Of a file or directory on the worker's disk that the system did not let it read. `artifact` begins the sentence. */
export function unreadableMessage(artifact: string, file: string, error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  const why =
    code === 'EACCES'
      ? 'the worker does not run as root and may not read it (EACCES). Let the task make it readable: chmod a+rX'
      : errorMessage(error);
  return `${artifact}: ${inQuotes(file)} could not be read: ${why}`;
}
