import { withoutAnsi } from './ansi.js';
import { GrowingNumbers } from './growing-numbers.js';
import { decodeStart } from './line-text.js';
import type { LogBytes } from './log-bytes.js';

/** How much is searched at once: longer strings would stay in V8's memory until a full collection. */
const STEP_BYTES = 64 * 1024;
const NEWLINE = 10;

/**
 * Searches a log for a text without regard to case, in steps between which others may work, and goes on where the log
 * grows. Lines are found by what is in them without colours, and each once. What a carriage return has overwritten is
 * found too. Takes linear time; a match may not be found where a line of more than 64 KiB is cut within a colour.
 */
export class LineScanner {
  readonly #log: LogBytes;
  readonly #wanted: string;
  readonly #found = new GrowingNumbers();
  #offset = 0;

  /** `wanted` must not be empty. */
  constructor(log: LogBytes, wanted: string) {
    this.#log = log;
    this.#wanted = wanted.toLowerCase();
  }

  /** The numbers of lines that have been found, in ascending order. */
  get found(): GrowingNumbers {
    return this.#found;
  }

  /** How many bytes have been searched. */
  get searchedBytes(): number {
    return this.#offset;
  }

  /** Searches the next part. Returns false when there is none: the last line waits until it is complete. */
  step(isLogComplete: boolean): boolean {
    const log = this.#log;
    const start = this.#offset;
    const last = isLogComplete ? log.length : log.line(log.completeLineCount).start;
    if (start >= last) return false;
    const limit = Math.min(start + STEP_BYTES, last);
    const inLine = log.lineAt(limit - 1);
    const lineStart = log.line(inLine).start;
    const first = log.lineAt(start);
    // Whole lines, unless one is longer than a step: of it the next step repeats as much as a match may be long.
    const isWhole = limit === last || log.byte(limit - 1) === NEWLINE;
    const end = isWhole || lineStart <= start ? limit : lineStart;
    this.#search(decodeStart(log.read({ start, end })), first);
    const overlap = isWhole || end === lineStart ? 0 : Math.min(this.#wanted.length * 4, STEP_BYTES / 2);
    this.#offset = end - overlap;
    return true;
  }

  #search(text: string, firstLine: number): void {
    const lower = withoutAnsi(text).toLowerCase();
    let line = firstLine;
    let newline = lower.indexOf('\n');
    for (let at = lower.indexOf(this.#wanted); at !== -1;) {
      while (newline !== -1 && newline < at) {
        line++;
        newline = lower.indexOf('\n', newline + 1);
      }
      if (this.#found.length === 0 || this.#found.at(this.#found.length - 1) !== line) this.#found.push(line);
      if (newline === -1) return;
      at = lower.indexOf(this.#wanted, newline + 1);
    }
  }
}
