import type { LogBytes } from './log-bytes.js';
import { makeRow, markRow } from './log-row.js';
import type { RowLook } from './log-row.js';

/** Rows are added and removed by so many, so that most frames of a scroll change nothing. */
const STEP_ROWS = 16;

/** The elements of the rows around what is visible, as children of one element, in the order of their lines. */
export class RowLayer {
  readonly #element: HTMLElement;
  readonly #log: LogBytes;
  #first = 0;
  /** The end of each row's bytes when it was made: the last line may grow. */
  #ends: number[] = [];

  constructor(element: HTMLElement, log: LogBytes) {
    this.#element = element;
    this.#log = log;
  }

  get first(): number {
    return this.#first;
  }

  /** Has the rows from `first` to before `end`, and some more on either side. */
  show(first: number, end: number, look: RowLook): void {
    const from = Math.max(0, Math.floor(first / STEP_ROWS) * STEP_ROWS);
    const to = Math.min(this.#log.lineCount, Math.ceil(end / STEP_ROWS) * STEP_ROWS);
    const last = this.#first + this.#ends.length;
    if (to <= this.#first || from >= last) {
      this.#replaceAll(from, to, look);
      return;
    }
    while (this.#first < from) this.#removeFirst();
    while (this.#first + this.#ends.length > to) this.#removeLast();
    this.#refreshLast(look);
    if (from < this.#first) this.#addBefore(from, look);
    this.#addAfter(to, look);
  }

  /** Makes all rows anew. */
  clear(): void {
    this.#element.replaceChildren();
    this.#ends = [];
  }

  /** Shows selection and current line anew, without making rows. */
  mark(look: RowLook): void {
    for (const [at, row] of [...this.#element.children].entries()) markRow(row as HTMLElement, this.#first + at, look);
  }

  row(line: number): HTMLElement | undefined {
    return this.#element.children[line - this.#first] as HTMLElement | undefined;
  }

  #replaceAll(from: number, to: number, look: RowLook): void {
    this.clear();
    this.#first = from;
    this.#addAfter(to, look);
  }

  #removeFirst(): void {
    this.#element.firstElementChild?.remove();
    this.#ends.shift();
    this.#first++;
  }

  #removeLast(): void {
    this.#element.lastElementChild?.remove();
    this.#ends.pop();
  }

  #refreshLast(look: RowLook): void {
    const at = this.#ends.length - 1;
    const line = this.#first + at;
    const { end } = this.#log.line(line);
    if (at < 0 || end === this.#ends[at]) return;
    this.#element.lastElementChild?.replaceWith(makeRow(this.#log, line, look));
    this.#ends[at] = end;
  }

  #addBefore(from: number, look: RowLook): void {
    const rows: HTMLElement[] = [];
    const ends: number[] = [];
    for (let line = from; line < this.#first; line++) {
      rows.push(makeRow(this.#log, line, look));
      ends.push(this.#log.line(line).end);
    }
    this.#element.prepend(...rows);
    this.#ends.unshift(...ends);
    this.#first = from;
  }

  #addAfter(to: number, look: RowLook): void {
    const rows: HTMLElement[] = [];
    for (let line = this.#first + this.#ends.length; line < to; line++) {
      rows.push(makeRow(this.#log, line, look));
      this.#ends.push(this.#log.line(line).end);
    }
    this.#element.append(...rows);
  }
}
