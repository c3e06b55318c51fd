const LINE_FEED = 0x0a;

/** Returns whether a new line of output begins after this byte; undefined: there is no output before. */
export function isBreak(byte: number | undefined): boolean {
  return byte === undefined || byte === LINE_FEED;
}

/** Output up to a line feed, and after it. */
export interface BrokenPieces {
  readonly head: readonly Buffer[];
  /** May be empty. */
  readonly tail: readonly Buffer[];
}

/** Splits output after its first line feed; undefined if it has none. */
export function splitAfterBreak(pieces: readonly Buffer[]): BrokenPieces | undefined {
  for (const [index, piece] of pieces.entries()) {
    const length = piece.indexOf(LINE_FEED) + 1;
    if (length === 0) continue;
    const tail = [piece.subarray(length), ...pieces.slice(index + 1)];
    return {
      head: [...pieces.slice(0, index), piece.subarray(0, length)],
      tail: tail.filter((each) => each.length > 0),
    };
  }
  return undefined;
}
