import { padded, widthOf } from './printable.js';
import { terminalLine } from './terminal-line.js';

export interface LinePrefixOptions {
  /** Whether lines are shown on a terminal: then only colours pass. */
  readonly isTerminal: boolean;
  /** Whether names get colours. */
  readonly isColoured: boolean;
}

const WIDEST = 30;
/** Cyan, yellow, green, magenta, blue and their bright variants; not red, which is for errors. */
const COLOURS = [36, 33, 32, 35, 34, 96, 93, 92, 95, 94];

/** Puts the name of its task before each line of a log, as soon as there are several tasks. */
export class LinePrefix {
  readonly #options: LinePrefixOptions;
  readonly #colours = new Map<string, number>();
  #width = 0;

  constructor(options: LinePrefixOptions) {
    this.#options = options;
  }

  /** Makes room for a name; from the second one on, lines get a prefix. */
  expect(taskId: string, shownName: string): void {
    this.#width = Math.min(WIDEST, Math.max(this.#width, widthOf(shownName)));
    if (this.#colours.has(taskId)) return;
    this.#colours.set(taskId, COLOURS[this.#colours.size % COLOURS.length] ?? 0);
  }

  /** Returns lines of the log of a task as they are shown. */
  prefixed(taskId: string, name: string, lines: readonly string[]): readonly string[] {
    const { isTerminal, isColoured } = this.#options;
    const clean = isTerminal ? lines.map(terminalLine) : lines;
    if (this.#colours.size < 2) return clean;
    const start = `${padded(name, this.#width)} |`;
    const prefix = isColoured ? `\u001b[${this.#colours.get(taskId) ?? 0}m${start}\u001b[0m` : start;
    return clean.map((line) => `${prefix} ${line}`);
  }
}
