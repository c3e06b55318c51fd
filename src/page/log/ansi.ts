/** A colour: one of the 16 of the terminal, which the style sheet knows, or red, green and blue from 0 to 255. */
export type Colour = number | readonly [red: number, green: number, blue: number];

/** How text looks. Absent means as usual. */
export interface TextStyle {
  readonly foreground?: Colour;
  readonly background?: Colour;
  readonly isBold?: boolean;
  readonly isDim?: boolean;
  readonly isItalic?: boolean;
  readonly isUnderlined?: boolean;
  readonly isStruck?: boolean;
  readonly isInverse?: boolean;
}

/** Text of one look. */
export interface StyledText {
  readonly text: string;
  readonly style: TextStyle;
}

const ESC = 0x1b;
const BEL = 0x07;
const NEWLINE = 0x0a;
const PLAIN: TextStyle = {};
/** What ESC may begin, as the next character: a sequence with parameters, and strings that end with BEL or ESC \. */
const CSI = '[';
const STRINGS = ']PX^_';
/** More parameters than any program has a use for. */
const MAX_PARAMETERS = 64;

/** The steps of a colour in the cube of 6 × 6 × 6 colours that follows the first 16 of 256. */
const CUBE = [0, 95, 135, 175, 215, 255] as const;

/**
 * Splits a text into texts of one look each, as its colour sequences (SGR) tell, and leaves out all other sequences:
 * they move the cursor, name the window or ask the terminal something. Takes linear time. A sequence that the text's
 * end cuts off is left out too; strings end with their line.
 */
export function parseAnsi(text: string): readonly StyledText[] {
  const parts: StyledText[] = [];
  let style = PLAIN;
  for (let at = 0; at < text.length;) {
    const escape = text.indexOf('\x1b', at);
    const end = escape === -1 ? text.length : escape;
    if (end > at) parts.push({ text: text.slice(at, end), style });
    if (escape === -1) break;
    const next = endOfSequence(text, escape);
    if (text[escape + 1] === CSI && text[next - 1] === 'm') style = restyled(style, text.slice(escape + 2, next - 1));
    at = next;
  }
  return parts;
}

/** Returns a text of any number of lines without its sequences. */
export function withoutAnsi(text: string): string {
  if (!text.includes('\x1b')) return text;
  return parseAnsi(text)
    .map((part) => part.text)
    .join('');
}

/** Returns where the sequence ends that begins with the ESC at `start`. */
function endOfSequence(line: string, start: number): number {
  const kind = line[start + 1];
  if (kind === undefined) return start + 1;
  if (kind === CSI) return endOfControl(line, start + 2);
  if (STRINGS.includes(kind)) return endOfString(line, start + 2);
  // One of two characters, or of more with intermediate ones, such as ESC ( B.
  let at = start + 1;
  while (isBetween(line, at, 0x20, 0x2f)) at++;
  return isBetween(line, at, 0x30, 0x7e) ? at + 1 : at;
}

function endOfControl(line: string, start: number): number {
  let at = start;
  while (isBetween(line, at, 0x20, 0x3f)) at++;
  return isBetween(line, at, 0x40, 0x7e) ? at + 1 : at;
}

/**
 * A string without an end is none: only its introducer goes, as the rest of the line may be worth reading. As the next
 * ESC ends the search, no character is looked at twice.
 */
function endOfString(line: string, start: number): number {
  for (let at = start; at < line.length; at++) {
    const code = line.charCodeAt(at);
    if (code === NEWLINE) return start;
    if (code === BEL) return at + 1;
    if (code === ESC) return line[at + 1] === '\\' ? at + 2 : at;
  }
  return start;
}

function isBetween(line: string, at: number, low: number, high: number): boolean {
  const code = line.charCodeAt(at);
  return code >= low && code <= high;
}

/** Returns the look after a sequence with these parameters; unknown ones change nothing. */
function restyled(style: TextStyle, parameters: string): TextStyle {
  const codes = codesOf(parameters);
  let next = style;
  for (let at = 0; at < codes.length;) {
    const code = codes[at] ?? 0;
    if (code === 38 || code === 48) {
      const { colour, length } = extendedColour(codes, at + 1);
      if (colour !== undefined) next = { ...next, [code === 38 ? 'foreground' : 'background']: colour };
      at += 1 + length;
    } else {
      next = withCode(next, code);
      at++;
    }
  }
  return next;
}

/** A private sequence has none. Within a field the standard separates by colons, where programs write semicolons. */
function codesOf(parameters: string): readonly number[] {
  if (isBetween(parameters, 0, 0x3c, 0x3f)) return [];
  return parameters.split(';', MAX_PARAMETERS).flatMap((field) => {
    const [code = 0, ...more] = field.split(':', MAX_PARAMETERS).map(Number);
    if (more.length === 0) return [code];
    if (code === 4) return more[0] === 0 ? [24] : [4];
    // With five values the second one is the colour space.
    if (more[0] === 2 && more.length > 4) more.splice(1, 1);
    return [code, ...more];
  });
}

/** Reads `5;n` or `2;r;g;b`. */
function extendedColour(codes: readonly number[], from: number): { readonly colour?: Colour; readonly length: number } {
  if (codes[from] === 5) {
    const colour = colourOf256(codes[from + 1] ?? 0);
    return { ...(colour !== undefined && { colour }), length: 2 };
  }
  if (codes[from] !== 2) return { length: 1 };
  const [red = 0, green = 0, blue = 0] = codes.slice(from + 1, from + 4).map(channel);
  return { colour: [red, green, blue], length: 4 };
}

function channel(value: number): number {
  return Number.isInteger(value) ? Math.min(255, Math.max(0, value)) : 0;
}

function colourOf256(index: number): Colour | undefined {
  if (!Number.isInteger(index) || index < 0 || index > 255) return undefined;
  if (index < 16) return index;
  if (index >= 232) {
    const grey = 8 + (index - 232) * 10;
    return [grey, grey, grey];
  }
  const inCube = index - 16;
  const step = (position: number): number => CUBE[position % CUBE.length] ?? 0;
  return [step(Math.floor(inCube / 36)), step(Math.floor(inCube / 6)), step(inCube)];
}

const ON: Readonly<Record<number, TextStyle>> = {
  1: { isBold: true },
  2: { isDim: true },
  3: { isItalic: true },
  4: { isUnderlined: true },
  7: { isInverse: true },
  9: { isStruck: true },
  21: { isUnderlined: true },
};
const OFF: Readonly<Record<number, readonly (keyof TextStyle)[]>> = {
  22: ['isBold', 'isDim'],
  23: ['isItalic'],
  24: ['isUnderlined'],
  27: ['isInverse'],
  29: ['isStruck'],
  39: ['foreground'],
  49: ['background'],
};

function withCode(style: TextStyle, code: number): TextStyle {
  if (code === 0) return PLAIN;
  const [on, off] = [ON[code], OFF[code]];
  if (on) return { ...style, ...on };
  if (off) {
    const kept = Object.entries(style).filter(([key]) => !off.includes(key as keyof TextStyle));
    return Object.fromEntries(kept);
  }
  if (code >= 30 && code <= 37) return { ...style, foreground: code - 30 };
  if (code >= 90 && code <= 97) return { ...style, foreground: code - 90 + 8 };
  if (code >= 40 && code <= 47) return { ...style, background: code - 40 };
  if (code >= 100 && code <= 107) return { ...style, background: code - 100 + 8 };
  return style;
}
