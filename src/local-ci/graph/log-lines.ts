import { StringDecoder } from 'node:string_decoder';

/** Longer lines are broken: a log may consist of a single one. */
const LONGEST_LINE = 32 * 1024;

/** Splits the bytes of a log into lines. Nothing is lost: a line that is too long becomes several. */
export class LogLines {
  readonly #decoder = new StringDecoder('utf8');
  /** The pieces of the line that has not ended yet, together shorter than the longest line. */
  #pieces: string[] = [];
  #length = 0;

  /** Returns the lines that end in this piece, without line endings. */
  push(piece: Buffer): readonly string[] {
    const lines: string[] = [];
    const parts = this.#decoder.write(piece).split('\n');
    parts.forEach((part, i) => {
      this.#add(part, lines);
      if (i < parts.length - 1) lines.push(this.#take());
    });
    return lines;
  }

  /** Returns the line at the end of a log that does not end with a line break, if there is one. */
  end(): readonly string[] {
    const lines: string[] = [];
    this.#add(this.#decoder.end(), lines);
    return this.#length > 0 ? [...lines, this.#take()] : lines;
  }

  #add(part: string, lines: string[]): void {
    let rest = part;
    while (this.#length + rest.length > LONGEST_LINE) {
      const fits = LONGEST_LINE - this.#length;
      this.#keep(rest.slice(0, fits));
      rest = rest.slice(fits);
      lines.push(this.#take());
    }
    this.#keep(rest);
  }

  #keep(part: string): void {
    if (part === '') return;
    this.#pieces.push(part);
    this.#length += part.length;
  }

  /** A terminal in the container ends its lines with `\r\n`. */
  #take(): string {
    const line = this.#pieces.join('');
    this.#pieces = [];
    this.#length = 0;
    return line.endsWith('\r') ? line.slice(0, -1) : line;
  }
}
