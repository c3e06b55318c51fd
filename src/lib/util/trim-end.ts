/**
 * `text` without the `characters` it ends with. In one step for each, whatever the text: a regular expression anchored
 * at the end alone takes quadratic time, and what is trimmed is written by authors of tasks.
 */
export function trimEnd(text: string, characters: string): string {
  let end = text.length;
  while (end > 0 && characters.includes(text.charAt(end - 1))) end -= 1;
  return text.slice(0, end);
}
