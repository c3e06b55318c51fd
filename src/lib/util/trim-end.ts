/**
 * Returns `text` without any trailing `characters`, in linear time: a regular expression anchored only at the end takes
 * quadratic time, and authors of tasks write the text.
 */
export function trimEnd(text: string, characters: string): string {
  let end = text.length;
  while (end > 0 && characters.includes(text.charAt(end - 1))) end -= 1;
  return text.slice(0, end);
}
