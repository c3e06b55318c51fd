/** The first `length` characters of `text`, or one less where that would leave half of a surrogate pair. */
export function startOf(text: string, length: number): string {
  if (text.length <= length) return text;
  const isSplit = (text.charCodeAt(length - 1) & 0xfc00) === 0xd800;
  return text.slice(0, isSplit ? length - 1 : length);
}

/** `text`, or its first `length` characters and how many more there are: text of strangers may have megabytes. */
export function shorten(text: string, length: number): string {
  return text.length <= length ? text : `${startOf(text, length)}… (${text.length - length} more characters)`;
}
