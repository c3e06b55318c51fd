/** Returns whether all of `text` matches `pattern`, in which `*` stands for any text. Takes linear time. */
export function matchesGlob(text: string, pattern: string): boolean {
  const [start = '', ...rest] = pattern.split('*');
  const end = rest.pop();
  if (end === undefined) return text === start;
  if (text.length < start.length + end.length || !text.startsWith(start) || !text.endsWith(end)) return false;
  const last = text.length - end.length;
  let from = start.length;
  for (const part of rest) {
    const at = text.indexOf(part, from);
    if (at < 0 || at + part.length > last) return false;
    from = at + part.length;
  }
  return true;
}
