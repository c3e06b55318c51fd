/** Lines of a log, from 1; `last` is one of them. */
export interface LineRange {
  readonly first: number;
  readonly last: number;
}

const HASH = /^#?L(?<first>\d{1,10})(?:-L?(?<last>\d{1,10}))?$/;

/** Reads `#L12` or `#L12-L30`, in either order; undefined for anything else. */
export function parseLineRange(hash: string): LineRange | undefined {
  const { first, last } = HASH.exec(hash)?.groups ?? {};
  if (first === undefined) return undefined;
  const [one, other] = [Number(first), Number(last ?? first)];
  return one === 0 || other === 0 ? undefined : { first: Math.min(one, other), last: Math.max(one, other) };
}

export function formatLineRange({ first, last }: LineRange): string {
  return first === last ? `#L${first}` : `#L${first}-L${last}`;
}

/** Returns the lines that a click on a line's number selects; with shift from the ones selected before up to it. */
export function clickedRange(line: number, isExtending: boolean, before: LineRange | undefined): LineRange {
  if (!isExtending || !before) return { first: line, last: line };
  return line < before.first ? { first: line, last: before.last } : { first: before.first, last: line };
}
