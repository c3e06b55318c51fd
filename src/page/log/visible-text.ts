/**
 * What a text of strangers could hide or turn round: control characters, those that change the direction of text, and
 * those that have no width. A tab is none of them, nor are the joiners that scripts and emojis need.
 */
const HIDDEN = /[\0-\x08\x0a-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/;

/** A piece of a text, and whether it stands for a character that would not be seen. */
export interface VisiblePiece {
  readonly text: string;
  readonly isHidden: boolean;
}

/** Splits a text at the characters that would not be seen, and gives them names: `U+202E`, or `^G` for BEL. */
export function visiblePieces(text: string): readonly VisiblePiece[] {
  if (!HIDDEN.test(text)) return [{ text, isHidden: false }];
  const pieces: VisiblePiece[] = [];
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at);
    if (!HIDDEN.test(character)) continue;
    if (at > from) pieces.push({ text: text.slice(from, at), isHidden: false });
    pieces.push({ text: nameOf(character.charCodeAt(0)), isHidden: true });
    from = at + 1;
  }
  if (from < text.length) pieces.push({ text: text.slice(from), isHidden: false });
  return pieces;
}

function nameOf(code: number): string {
  if (code < 0x20) return `^${String.fromCharCode(code + 0x40)}`;
  return code === 0x7f ? '^?' : `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
}
