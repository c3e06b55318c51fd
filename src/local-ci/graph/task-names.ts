import { printable } from './printable.js';

/** How a task is called in what is shown, and in file names. */
export interface TaskName {
  /** One line of printable characters; not necessarily unique. */
  readonly shown: string;
  /** The name of a file or directory, without an extension; unique, whatever the file system makes of letter case. */
  readonly file: string;
}

const SHOWN_LENGTH = 60;
const FILE_LENGTH = 80;
/** What is not replaced in file names. */
const UNSAFE = /[^A-Za-z0-9._-]+/g;

/** Names for all tasks of a run. A task's own name is the author's: two may have the same, and it may hold anything. */
export class TaskNames {
  readonly #names = new Map<string, TaskName>();
  readonly #files = new Set<string>();
  /** How many tasks so far have asked for each file name. */
  readonly #counts = new Map<string, number>();
  readonly #clean: (text: string) => string;

  /** `clean` is applied to each name first: it masks secrets. */
  constructor(clean: (text: string) => string = (text) => text) {
    this.#clean = clean;
  }

  /** Returns the names of a task, the same ones for the same id. */
  of(taskId: string, ownName: string): TaskName {
    const known = this.#names.get(taskId);
    if (known) return known;
    const clean = this.#clean(ownName);
    const name = {
      shown: printable(clean.trim(), SHOWN_LENGTH) || taskId,
      file: this.#unused(fileName(clean, taskId)),
    };
    this.#names.set(taskId, name);
    return name;
  }

  find(taskId: string): TaskName {
    return this.#names.get(taskId) ?? { shown: taskId, file: taskId };
  }

  #unused(wanted: string): string {
    const key = wanted.toLowerCase();
    for (;;) {
      const count = (this.#counts.get(key) ?? 0) + 1;
      this.#counts.set(key, count);
      const name = count === 1 ? wanted : `${wanted}-${count}`;
      if (this.#files.has(name.toLowerCase())) continue;
      this.#files.add(name.toLowerCase());
      return name;
    }
  }
}

/** Names that begin with a dot are hidden, and `.` and `..` are other directories. */
function fileName(name: string, taskId: string): string {
  return (
    name
      .slice(0, FILE_LENGTH)
      .replace(UNSAFE, '-')
      .replace(/^[.-]+/, '')
      .replace(/[.-]$/, '') || taskId
  );
}
