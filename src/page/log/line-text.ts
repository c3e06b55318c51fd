import { parseAnsi } from './ansi.js';
import type { StyledText } from './ansi.js';
import type { LogBytes } from './log-bytes.js';

/** How much of a line is decoded for the screen, and how many characters of it are shown. */
const SHOWN_BYTES = 16_384;
const SHOWN_CHARACTERS = 4000;

/** A line as the screen shows it. */
export interface ShownLine {
  readonly parts: readonly StyledText[];
  /** How many bytes of the line are not shown, because it is too long or a carriage return has overwritten them. */
  readonly hiddenBytes: number;
}

/** Returns a line as a terminal would show it, and at most some thousand characters of it. */
export function shownLine(log: LogBytes, index: number): ShownLine {
  const whole = log.line(index);
  const shown = log.shownLine(index);
  const end = Math.min(shown.end, shown.start + SHOWN_BYTES);
  const text = decodeStart(log.read({ start: shown.start, end }), end < shown.end);
  const parts: StyledText[] = [];
  let left = SHOWN_CHARACTERS;
  for (const { text: piece, style } of parseAnsi(text)) {
    if (left <= 0) break;
    parts.push({ text: startOf(piece, left), style });
    left -= piece.length;
  }
  const isCut = end < shown.end || left < 0;
  // Of a line cut by its characters nobody counts the bytes: what is behind the first thousands is about the rest.
  const shownBytes = isCut ? Math.min(end - shown.start, SHOWN_CHARACTERS) : end - shown.start;
  return { parts, hiddenBytes: whole.end - whole.start - shownBytes };
}

/** Decodes UTF-8, with U+FFFD for what is none. `goesOn`: a character that the end cuts is left out. */
export function decodeStart(bytes: Uint8Array, goesOn = false): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes, { stream: goesOn });
}

/** Returns the first characters of a text, and no half of a surrogate pair. */
function startOf(text: string, length: number): string {
  if (text.length <= length) return text;
  const code = text.charCodeAt(length - 1);
  return text.slice(0, code >= 0xd800 && code <= 0xdbff ? length - 1 : length);
}
