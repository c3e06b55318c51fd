const ESCAPE = '\u001b';
const RESET = `${ESCAPE}[0m`;
const COLOUR = /[0-9;:]/;
const LONGEST_COLOUR = 40;

/**
 * Returns a line of a log for a terminal: colours pass, and whatever could move the cursor, clear the screen or change
 * the terminal does not. Of a line that its program has written over and over (a progress bar), the last text remains.
 */
export function terminalLine(line: string): string {
  const last = lastText(line);
  let out = '';
  let isColoured = false;
  for (let at = 0; at < last.length;) {
    const character = last.charAt(at);
    if (character === ESCAPE) {
      const sequence = sequenceAt(last, at);
      if (sequence.isColour) out += last.slice(at, sequence.end);
      isColoured ||= sequence.isColour;
      at = sequence.end;
      continue;
    }
    if (character === '\t' || !isControl(last.charCodeAt(at))) out += character;
    at += 1;
  }
  return isColoured ? out + RESET : out;
}

/** Returns the last text that is not empty between carriage returns. */
function lastText(line: string): string {
  let end = line.length;
  while (end > 0 && line.charAt(end - 1) === '\r') end -= 1;
  return line.slice(line.lastIndexOf('\r', end - 1) + 1, end);
}

function isControl(code: number): boolean {
  return (
    code < 0x20 ||
    (code >= 0x7f && code <= 0x9f) ||
    (code >= 0x202a && code <= 0x202e) ||
    (code >= 0x2066 && code <= 0x2069)
  );
}

/** Returns the end of the escape sequence that begins at `start`, and whether it only sets colours. */
function sequenceAt(text: string, start: number): { readonly end: number; readonly isColour: boolean } {
  const kind = text.charAt(start + 1);
  if (kind === '[') return controlSequence(text, start);
  // These have a text up to a terminator: a window's title, a link, …
  if (kind !== '' && ']PX^_'.includes(kind)) return { end: afterTerminator(text, start + 2), isColour: false };
  return { end: Math.min(start + 2, text.length), isColour: false };
}

function controlSequence(text: string, start: number): { readonly end: number; readonly isColour: boolean } {
  let at = start + 2;
  let isOnlyNumbers = true;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code >= 0x40 && code <= 0x7e) {
      const isColour = text.charAt(at) === 'm' && isOnlyNumbers && at - start <= LONGEST_COLOUR;
      return { end: at + 1, isColour };
    }
    // It is broken: what follows is text again.
    if (code < 0x20 || code > 0x3f) return { end: at, isColour: false };
    isOnlyNumbers &&= COLOUR.test(text.charAt(at));
  }
  return { end: at, isColour: false };
}

function afterTerminator(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    if (text.charAt(at) === '\u0007' || text.charAt(at) === '\u009c') return at + 1;
    if (text.charAt(at) === ESCAPE) return text.charAt(at + 1) === '\\' ? at + 2 : at;
  }
  return text.length;
}
