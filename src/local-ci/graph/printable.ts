import { printableLine } from '../../lib/util/printable.js';
import { startOf } from '../../lib/util/shorten.js';

/** A character that shows as two columns of a terminal; none is exact for all terminals. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;
const ZERO_WIDTH = /\p{Mn}|\p{Me}/u;

/** Returns foreign text for a line of a terminal: without anything that could move the cursor, at most `length` long. */
export function printable(text: string, length: number): string {
  const part = printableLine(startOf(text, length + 1));
  return part.length <= length ? part : `${startOf(part, length - 1)}…`;
}

/** Returns how many columns of a terminal printable text takes. */
export function widthOf(text: string): number {
  let width = 0;
  for (const character of text) width += widthOfCharacter(character);
  return width;
}

/** Returns the beginning of printable text that fits into `columns`. */
export function fitting(text: string, columns: number): string {
  let width = 0;
  let end = 0;
  for (const character of text) {
    width += widthOfCharacter(character);
    if (width > columns) return text.slice(0, end);
    end += character.length;
  }
  return text;
}

/** Returns printable text with blanks behind it, up to `columns`. */
export function padded(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - widthOf(text)));
}

function widthOfCharacter(character: string): number {
  // Nearly all are: a pattern takes longer.
  if (character < '\u0300') return 1;
  if (WIDE.test(character)) return 2;
  return ZERO_WIDTH.test(character) ? 0 : 1;
}
