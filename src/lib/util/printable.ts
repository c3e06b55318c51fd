/** Characters that move a terminal's cursor, reverse a line, or worse; not tabs and line feeds. */
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** Returns foreign text with a `?` for each character that could deceive or control a terminal. Line breaks stay. */
export function printable(text: string): string {
  return text.replace(CONTROL, '?');
}
