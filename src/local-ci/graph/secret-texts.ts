/** Shorter texts are too likely to be part of ordinary words. */
const SHORTEST = 4;
/** A stream is held back by at most this much. The lines of longer texts are masked one by one. */
const LONGEST_WITH_BREAKS = 4096;
/** Three bytes are four characters there. */
const SHORTEST_BASE64 = 8;

/**
 * Returns the texts that must not be shown: every string, number and time in these values, each line of those with
 * several lines, and both as they are written in URLs and in JSON; whole ones also as they are in base64.
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
    if (text.length <= LONGEST_WITH_BREAKS) for (const form of base64Of(text.trim())) texts.add(form);
  }
  return [...texts];
}

/** Half a surrogate pair can't be encoded: the buffer replaces it. */
function formsOf(text: string): readonly string[] {
  return [text, encodeURIComponent(Buffer.from(text).toString()), JSON.stringify(text).slice(1, -1)];
}

/**
 * Returns what a text becomes in base64, as in the header of a request, for each number of bytes that may stand before it
 * there. Its first and last bytes may share characters with others, and are left out then.
 */
function base64Of(text: string): readonly string[] {
  const bytes = Buffer.from(text);
  const triples = (start: number): Buffer => bytes.subarray(start, bytes.length - ((bytes.length - start) % 3));
  const pieces = [bytes, triples(0), triples(1), triples(2)];
  return (['base64', 'base64url'] as const)
    .flatMap((encoding) => pieces.map((piece) => piece.toString(encoding)))
    .filter((encoded) => encoded.length >= SHORTEST_BASE64);
}

/** Without recursion, because JSON may be nested deeply. */
function stringsIn(values: unknown): readonly string[] {
  const strings: string[] = [];
  const pending: unknown[] = [values];
  while (pending.length > 0) {
    const next = pending.pop();
    if (typeof next === 'string') strings.push(next);
    else if (typeof next === 'number') strings.push(String(next));
    // YAML has times, which the secrets service hands out like this.
    else if (next instanceof Date) strings.push(next.toJSON());
    else if (typeof next === 'object' && next !== null) for (const inner of Object.values(next)) pending.push(inner);
  }
  return strings;
}
