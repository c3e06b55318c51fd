/**
 * Splits text that arrives in pieces into lines. Earlier pieces of a line are not scanned again, or a line of many
 * pieces would take quadratic time.
 */
export class LineSplitter {
  readonly #maxLength: number;
  #rest = '';

  /** Anything beyond `maxLength` characters of a line is dropped. */
  constructor(maxLength: number) {
    this.#maxLength = maxLength;
  }

  /** Returns the lines that end in this piece, without line endings. */
  push(piece: string): readonly string[] {
    const [first = '', ...others] = piece.split('\n');
    this.#rest += first.slice(0, this.#maxLength - this.#rest.length);
    const next = others.pop();
    if (next === undefined) return [];
    const lines = [this.#rest, ...others];
    this.#rest = next.slice(0, this.#maxLength);
    return lines;
  }

  /** Returns the beginning of a line that has not ended yet. */
  get rest(): string {
    return this.#rest;
  }
}
