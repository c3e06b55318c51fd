import { printableLine } from '../../lib/util/printable.js';
import { shorten } from '../../lib/util/shorten.js';

/** Most characters that are looked at beyond those that are kept. */
const SPARE = 1000;

/**
 * Returns a stranger's text for a message: on one line, without anything that a terminal obeys, of at most `length`
 * characters and the number left out.
 */
export function printable(text: string, length: number): string {
  const shown = printableLine(text.slice(0, length + SPARE), ' ');
  return shorten(shown.trim(), length);
}

/** Returns some of the names for a message, `a, b and 3 more`. */
export function someOf(names: readonly string[], most: number): string {
  const shown = names.slice(0, most).map((name) => printable(name, 200));
  const left = names.length - shown.length;
  return shown.join(', ') + (left > 0 ? ` and ${left} more` : '');
}
