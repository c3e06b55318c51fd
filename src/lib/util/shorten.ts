/** Returns the first `length` characters of `text`, or one less where that would split a surrogate pair. */
export function startOf(text: string, length: number): string {
  if (text.length <= length) return text;
  const isSplit = (text.charCodeAt(length - 1) & 0xfc00) === 0xd800;
  return text.slice(0, isSplit ? length - 1 : length);
}

/** Returns `text`, or its first `length` characters and the number left out: foreign text may have megabytes. */
export function shorten(text: string, length: number): string {
  return text.length <= length ? text : `${startOf(text, length)}… (${text.length - length} more characters)`;
}

/** Returns `text`, or `length` characters from its beginning and end: programs state errors at the end of a line. */
export function shortenMiddle(text: string, length: number): string {
  if (text.length <= length) return text;
  const start = startOf(text, Math.ceil((length * 3) / 4));
  return `${start}… (${text.length - length} more characters) …${text.slice(start.length - length)}`;
}
