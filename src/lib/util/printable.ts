/** Control characters, line breaks, what changes the direction of the text around it, and what can't be seen. */
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/gu;
const KEPT = new Set(['\t', '\n']);

/**
 * Returns foreign text with a `?` for each character that could deceive or control a terminal. Tabs and line breaks
 * stay.
 */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => (KEPT.has(character) ? character : '?'));
}

/** Returns foreign text on one line, with `instead` for each character that could deceive or control a terminal. */
export function printableLine(text: string, instead = '?'): string {
  return text.replace(UNPRINTABLE, instead);
}
