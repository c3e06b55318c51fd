import { NAME_RULE } from '../../artifacts/artifact-name.js';
import { TaskError } from '../../task/errors.js';
import type { TaskOutput } from '../../task/task-log.js';
import { errorMessage } from '../../util/error-message.js';
import { ArtifactTally } from './artifact-tally.js';

/** Names listed one by one in the log; the rest is counted, as a task can have millions of them. */
const LISTED_NAMES = 20;

/** What became of a directory artifact's files, for the task's log. */
export class DirectoryReport {
  readonly tally = new ArtifactTally();
  readonly #problems: unknown[] = [];
  readonly #name: string;
  readonly #output: TaskOutput;
  #odd = new Set<string>();
  /** Names that belong to something else, with what that is. */
  readonly #taken = new Map<string, string>();

  constructor(name: string, output: TaskOutput) {
    this.#name = inQuotes(name);
    this.#output = output;
  }

  /** What went wrong so far; each has its line in the log, at the latest once it is summarized. */
  get problems(): readonly unknown[] {
    return this.#problems;
  }

  /** A new reading of the archive comes upon the same things again. */
  beginReading(): void {
    this.tally.forgetSkipped();
    this.#odd = new Set();
  }

  odd(file: string): void {
    this.#odd.add(file);
  }

  taken(name: string, other: string): void {
    if (!this.#taken.has(name)) this.#problems.push(TaskError.failed(`"${name}" is published by ${other}`));
    this.#taken.set(name, other);
  }

  failed(name: string, file: string, error: unknown): void {
    this.#problems.push(error);
    this.#output.error(failureLine(name, file, error));
  }

  tooDeep(directory: string): void {
    const levels = directory.split('/').length - 1;
    const error = TaskError.failed(
      `Artifact ${this.#name}: what is more than ${levels} directories deep is not uploaded: "${directory}"`,
    );
    this.failed('', '', error);
  }

  /** Says what was published and what was not. */
  summarize(path: string): void {
    const { files, bytes, skipped } = this.tally;
    this.#output.line(`Uploaded artifact ${this.#name} from ${inQuotes(path)}: ${files}, ${bytes}`);
    if (skipped) this.#output.line(`Artifact ${this.#name}: skipped ${skipped}; only files are uploaded`);
    if (this.#odd.size > 0) {
      const odd = listed([...this.#odd].map(inQuotes));
      this.#output.error(`Artifact ${this.#name}: not uploaded because of their names: ${odd}; ${NAME_RULE}`);
    }
    if (this.#taken.size > 0) {
      const taken = listed([...this.#taken].map(([file, other]) => `"${file}" is published by ${other}`));
      this.#output.error(
        `Artifact ${this.#name}: files not uploaded because their names are taken: ${taken}. Rename them.`,
      );
    }
  }
}

function listed(items: readonly string[]): string {
  const more = items.length > LISTED_NAMES ? ` and ${items.length - LISTED_NAMES} more` : '';
  return `${items.slice(0, LISTED_NAMES).join(', ')}${more}`;
}

/** A path as it can stand in a line of the log: no line breaks, nothing that a terminal would obey. */
export function inQuotes(path: string): string {
  return JSON.stringify(path);
}

/** What uploads say of themselves names the artifact already. */
export function failureLine(name: string, path: string, error: unknown): string {
  if (error instanceof TaskError) return error.message;
  return `Artifact ${inQuotes(name)} could not be read from ${inQuotes(path)}: ${errorMessage(error)}`;
}
