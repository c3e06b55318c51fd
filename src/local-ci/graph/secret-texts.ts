/** Shorter texts are too likely to be part of ordinary words. */
const SHORTEST = 4;
/** A stream is held back by at most this much. The lines of longer texts are masked one by one. */
const LONGEST_WITH_BREAKS = 4096;

/**
 * Returns the texts that must not be shown: every string in these values, each line of those with several lines, and
 * both as they are written in URLs and in JSON.
 */
export function secretTexts(values: unknown): readonly string[] {
  const texts = new Set<string>();
  for (const text of stringsIn(values)) {
    const lines = text.split(/\r?\n/);
    const whole = lines.length > 1 && text.length > LONGEST_WITH_BREAKS ? [] : [text, text.trim()];
    for (const part of [...whole, ...lines]) {
      if (part.length < SHORTEST || part.trim() === '') continue;
      for (const form of formsOf(part)) texts.add(form);
    }
  }
  return [...texts];
}

/** Half a surrogate pair can't be encoded: the buffer replaces it. */
function formsOf(text: string): readonly string[] {
  return [text, encodeURIComponent(Buffer.from(text).toString()), JSON.stringify(text).slice(1, -1)];
}

/** Without recursion, because JSON may be nested deeply. */
function stringsIn(values: unknown): readonly string[] {
  const strings: string[] = [];
  const pending: unknown[] = [values];
  while (pending.length > 0) {
    const next = pending.pop();
    if (typeof next === 'string') strings.push(next);
    else if (typeof next === 'object' && next !== null) for (const inner of Object.values(next)) pending.push(inner);
  }
  return strings;
}
