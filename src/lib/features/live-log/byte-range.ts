/** The requested part of a log. `end` (not included) is undefined if the response follows the log to its end. */
export type ByteRange =
  | { readonly kind: 'whole' }
  | { readonly kind: 'part'; readonly start: number; readonly end: number | undefined }
  | { readonly kind: 'unsatisfiable' };

const WHOLE: ByteRange = { kind: 'whole' };
const UNSATISFIABLE: ByteRange = { kind: 'unsatisfiable' };

/**
 * Parses a Range header for a log of `size` bytes that may still grow. `bytes=N-` and `bytes=-N` follow a growing log;
 * `bytes=N-M` ends at its current size. Headers that are not a single byte range are ignored, as RFC 9110 allows.
 */
export function parseByteRange(header: string | undefined, size: number, isGrowing: boolean): ByteRange {
  const [, from, to] = /^bytes=(\d{0,15})-(\d{0,15})$/i.exec(header ?? '') ?? [];
  if (from === undefined || to === undefined || (from === '' && to === '')) return WHOLE;
  if (from === '') return suffix(Number(to), size, isGrowing);
  const start = Number(from);
  const isReachable = start < size || (isGrowing && start === size);
  if (to === '') {
    if (!isReachable) return UNSATISFIABLE;
    return { kind: 'part', start, end: isGrowing ? undefined : size };
  }
  const end = Number(to) + 1;
  if (end <= start) return WHOLE;
  return start < size ? { kind: 'part', start, end: Math.min(end, size) } : UNSATISFIABLE;
}

function suffix(length: number, size: number, isGrowing: boolean): ByteRange {
  if (length === 0 || (size === 0 && !isGrowing)) return UNSATISFIABLE;
  return { kind: 'part', start: Math.max(0, size - length), end: isGrowing ? undefined : size };
}
