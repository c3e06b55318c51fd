/** Characters that are invisible, move the others or reverse their order; not tabs and line feeds. */
const DECEPTIVE =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb]/g;

/**
 * Returns text of strangers with each deceptive character replaced by its code, such as `⟨202E⟩`. Nothing else is needed
 * to show it: it only becomes text nodes.
 */
export function visible(text: string): string {
  return text.replace(DECEPTIVE, (character) => {
    const code = character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0');
    return `⟨${code}⟩`;
  });
}

/** Returns the text, visible, with at most so many characters. */
export function shortened(text: string, length: number): string {
  // Two halves of a pair count twice; a half that is left over would be shown as a question mark.
  const characters = Array.from(visible(text.slice(0, 4 * length)));
  return characters.length <= length ? characters.join('') : `${characters.slice(0, length - 1).join('')}…`;
}
