import type { Colour, TextStyle } from './ansi.js';
import { shownLine } from './line-text.js';
import type { LineRange } from './line-range.js';
import type { LogBytes } from './log-bytes.js';
import { markMatches } from './marked-text.js';
import type { MarkedText } from './marked-text.js';
import { visiblePieces } from './visible-text.js';

/** What rows of the log depend on besides its bytes. */
export interface RowLook {
  /** What was searched for; empty for nothing. */
  readonly wanted: string;
  readonly selected: LineRange | undefined;
  /** The line, from 0, of the match or error that was jumped to last. */
  readonly current: number | undefined;
}

const CLASSES: Readonly<Partial<Record<keyof TextStyle, string>>> = {
  isBold: 'log-bold',
  isDim: 'log-dim',
  isItalic: 'log-italic',
  isUnderlined: 'log-underlined',
  isStruck: 'log-struck',
};

/** Makes the element of a line: its number as a link, its text, and a button if there is more of it. */
export function makeRow(log: LogBytes, index: number, look: RowLook): HTMLElement {
  const row = document.createElement('div');
  row.className = 'log-row';
  row.dataset['line'] = String(index);
  const number = document.createElement('a');
  number.className = 'log-number';
  number.href = `#L${index + 1}`;
  number.textContent = String(index + 1);
  number.setAttribute('aria-label', `Line ${index + 1}`);
  // Thousands of links are no place for the tab key; the keys of the log reach every line.
  number.tabIndex = -1;
  const text = document.createElement('span');
  text.className = 'log-text';
  const { parts, hiddenBytes } = shownLine(log, index);
  for (const part of markMatches(parts, look.wanted)) text.append(makePart(part));
  if (hiddenBytes > 0) text.append(makeMore(hiddenBytes));
  row.append(number, text);
  markRow(row, index, look);
  return row;
}

/** Shows whether the line is selected or the current one. */
export function markRow(row: HTMLElement, index: number, { selected, current }: RowLook): void {
  const line = index + 1;
  const isSelected = selected !== undefined && line >= selected.first && line <= selected.last;
  row.classList.toggle('is-selected', isSelected);
  row.classList.toggle('is-current', current === index);
  const number = row.firstElementChild;
  if (isSelected) number?.setAttribute('aria-current', 'true');
  else number?.removeAttribute('aria-current');
}

function makePart({ text, style, isMatch }: MarkedText): Node {
  const pieces = visiblePieces(text);
  if (!isMatch && Object.keys(style).length === 0 && pieces.length === 1 && pieces[0]?.isHidden === false) {
    return document.createTextNode(text);
  }
  const part = document.createElement(isMatch ? 'mark' : 'span');
  applyStyle(part, style);
  for (const piece of pieces) {
    if (!piece.isHidden) {
      part.append(piece.text);
      continue;
    }
    const hidden = document.createElement('span');
    hidden.className = 'log-hidden';
    hidden.textContent = piece.text;
    part.append(hidden);
  }
  return part;
}

function makeMore(hiddenBytes: number): HTMLElement {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'log-more';
  button.tabIndex = -1;
  button.textContent = `${hiddenBytes.toLocaleString('en')} bytes more`;
  return button;
}

function applyStyle(part: HTMLElement, style: TextStyle): void {
  for (const [key, name] of Object.entries(CLASSES)) {
    if (style[key as keyof TextStyle] === true) part.classList.add(name);
  }
  const { foreground, background, isInverse } = style;
  if (!isInverse) {
    applyColour(part, 'fg', foreground);
    applyColour(part, 'bg', background);
    return;
  }
  applyColour(part, 'fg', background);
  applyColour(part, 'bg', foreground);
  if (foreground === undefined) part.classList.add('log-bg-inverse');
  if (background === undefined) part.classList.add('log-fg-inverse');
}

/** The 16 colours are the style sheet's, in light and dark; others are set as the program wants them. */
function applyColour(part: HTMLElement, ground: 'fg' | 'bg', colour: Colour | undefined): void {
  if (colour === undefined) return;
  if (typeof colour === 'number') part.classList.add(`log-${ground}-${colour}`);
  else part.style.setProperty(ground === 'fg' ? 'color' : 'background-color', `rgb(${colour.join(' ')})`);
}
