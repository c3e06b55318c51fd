/**
 * Makes lines of text that comes in pieces. What came before of a line is not looked through again with each piece, or a
 * line of many pieces would take quadratic time.
 */
export class LineSplitter {
  readonly #maxLength: number;
  #rest = '';

  /** What is beyond `maxLength` characters of a line is lost. */
  constructor(maxLength: number) {
    this.#maxLength = maxLength;
  }

  /** The lines that end in this piece, without their ends. */
  push(piece: string): readonly string[] {
    const [first = '', ...others] = piece.split('\n');
    this.#rest += first.slice(0, this.#maxLength - this.#rest.length);
    const next = others.pop();
    if (next === undefined) return [];
    const lines = [this.#rest, ...others];
    this.#rest = next.slice(0, this.#maxLength);
    return lines;
  }

  /** What there is of a line that has not ended. */
  get rest(): string {
    return this.#rest;
  }
}
