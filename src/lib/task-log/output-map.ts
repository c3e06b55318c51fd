/** The bytes of a log from `start` up to (not including) `end`. */
export interface ByteSpan {
  readonly start: number;
  readonly end: number;
}

const ENTRY = /^(begin|own|end|cut) (\d{1,15})(?: (\d{1,15}))?$/;

/**
 * Which bytes of a log are the container's output, and which are lines of the worker's own. All offsets and lengths are
 * bytes of the log. It is kept as text with one entry a line, in the order of the log:
 *
 * - `begin OFFSET`: output begins here. Replaces all entries before it.
 * - `own OFFSET LENGTH`: a line of the worker's own; output continues after it, even after an `end`.
 * - `end OFFSET`: everything from here on is the worker's own.
 * - `cut OFFSET`: the same, because output was dropped from here on.
 *
 * Each method that changes the map returns the entry that must be added to the text.
 */
export class OutputMap {
  #begin: number | undefined;
  #own: ByteSpan[] = [];
  #end: number | undefined;
  #isCut = false;

  /** Reads the text up to the first entry that is invalid, or incomplete because its writer died. */
  static parse(text: string): OutputMap {
    const map = new OutputMap();
    for (const line of text.split('\n').slice(0, -1)) {
      const [, kind, offset, length = 0] = ENTRY.exec(line) ?? [];
      if (kind === 'begin') map.begin(Number(offset));
      else if (kind === 'own') map.own(Number(offset), Number(length));
      else if (kind === 'end') map.end(Number(offset));
      else if (kind === 'cut') map.cut(Number(offset));
      else break;
    }
    return map;
  }

  /** Returns the whole text. */
  toString(): string {
    if (this.#begin === undefined) return '';
    const own = this.#own.map(({ start, end }) => `own ${start} ${end - start}\n`).join('');
    const end = this.#end === undefined ? '' : `${this.#isCut ? 'cut' : 'end'} ${this.#end}\n`;
    return `begin ${this.#begin}\n${own}${end}`;
  }

  get hasBegun(): boolean {
    return this.#begin !== undefined;
  }

  /** Whether output has begun and is not over. */
  get isOpen(): boolean {
    return this.#begin !== undefined && this.#end === undefined;
  }

  /** Whether output has begun and is over. */
  get isOver(): boolean {
    return this.#begin !== undefined && this.#end !== undefined;
  }

  /** Whether output was dropped. */
  get isCut(): boolean {
    return this.#isCut;
  }

  begin(offset: number): string {
    this.#begin = offset;
    this.#own = [];
    this.#end = undefined;
    this.#isCut = false;
    return `begin ${offset}\n`;
  }

  own(offset: number, length: number): string {
    this.#end = undefined;
    if (length > 0) this.#own.push({ start: offset, end: offset + length });
    return `own ${offset} ${length}\n`;
  }

  end(offset: number): string {
    this.#endAt(offset);
    return `end ${offset}\n`;
  }

  /** Returns an empty text, and does nothing, if the output was over before. */
  cut(offset: number): string {
    if (this.#begin === undefined || (this.#end !== undefined && this.#end <= offset)) return '';
    this.#endAt(offset);
    this.#isCut = true;
    return `cut ${offset}\n`;
  }

  /** Output continues at `offset`, the end of the log, after an `end`. */
  reopen(offset: number): string {
    const end = this.#end ?? offset;
    return this.own(end, offset - end);
  }

  /** Drops what is about bytes beyond `size`: an entry is written before the bytes that it describes. */
  clip(size: number): void {
    if (this.#begin !== undefined && this.#begin > size) this.#begin = undefined;
    this.#own = clipped(this.#own, size);
    const end = this.#end ?? 0;
    // A cut is told in the log. Without that, it is as if there had been none: it is tried again.
    if (end > size || (this.#isCut && end === size)) {
      this.#end = undefined;
      this.#isCut = false;
    }
  }

  /** Returns whether the byte at `offset` is not output. */
  isOwn(offset: number): boolean {
    if (this.#begin === undefined || offset < this.#begin) return true;
    if (this.#end !== undefined && offset >= this.#end) return true;
    return this.#own.some(({ start, end }) => start <= offset && offset < end);
  }

  /** Returns where the output is in a log of `size` bytes, in order. No span is empty. */
  outputSpans(size: number): readonly ByteSpan[] {
    if (this.#begin === undefined) return [];
    const spans: ByteSpan[] = [];
    let start = this.#begin;
    const limit = Math.min(this.#end ?? size, size);
    for (const own of [...clipped(this.#own, limit), { start: limit, end: limit }]) {
      if (own.start > start) spans.push({ start, end: own.start });
      start = own.end;
    }
    return spans;
  }

  /** Returns where the output ends in a log of `size` bytes; where it begins, if there is none. */
  outputEnd(size: number): number {
    return this.#end ?? this.outputSpans(size).at(-1)?.end ?? this.#begin ?? 0;
  }

  /** Returns the number of bytes of output in a log of `size` bytes. */
  outputBytes(size: number): number {
    return this.outputSpans(size).reduce((sum, { start, end }) => sum + end - start, 0);
  }

  #endAt(offset: number): void {
    this.#own = clipped(this.#own, offset);
    this.#end = offset;
  }
}

function clipped(spans: readonly ByteSpan[], size: number): ByteSpan[] {
  return spans.filter(({ start }) => start < size).map(({ start, end }) => ({ start, end: Math.min(end, size) }));
}
