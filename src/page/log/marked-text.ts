import type { StyledText } from './ansi.js';

/** A text of one look, and whether it is what was searched for. */
export interface MarkedText extends StyledText {
  readonly isMatch: boolean;
}

/** Splits a line where it matches, without regard to case, also across looks. `wanted` may be empty. */
export function markMatches(parts: readonly StyledText[], wanted: string): readonly MarkedText[] {
  const text = parts.map((part) => part.text).join('');
  const ranges = matchesOf(text, wanted);
  const marked: MarkedText[] = [];
  let offset = 0;
  let next = 0;
  for (const part of parts) {
    const end = offset + part.text.length;
    for (let at = offset; at < end;) {
      while ((ranges[next] ?? Infinity) + wanted.length <= at) next++;
      const start = ranges[next] ?? Infinity;
      const isMatch = start <= at;
      const to = Math.min(end, isMatch ? start + wanted.length : start);
      marked.push({ text: part.text.slice(at - offset, to - offset), style: part.style, isMatch });
      at = to;
    }
    offset = end;
  }
  return marked;
}

/** Returns where the matches begin, in ascending order and without overlaps. */
function matchesOf(text: string, wanted: string): readonly number[] {
  if (wanted === '') return [];
  const lower = text.toLowerCase();
  // Few characters change their length in lower case; beside one of them only the exact text is marked.
  const isSame = lower.length === text.length;
  const [where, what] = isSame ? [lower, wanted.toLowerCase()] : [text, wanted];
  if (what.length !== wanted.length) return [];
  const starts: number[] = [];
  for (let at = where.indexOf(what); at !== -1; at = where.indexOf(what, at + what.length)) starts.push(at);
  return starts;
}
