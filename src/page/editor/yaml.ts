import { CORE_SCHEMA, YAMLException, dump, load } from 'js-yaml';

/** Definitions are JSON: without YAML's own type for times, which would become objects. */
const SCHEMA = CORE_SCHEMA;

/** Returns the value as YAML, long texts in blocks. */
export function toYaml(value: unknown): string {
  return dump(value, { schema: SCHEMA, lineWidth: 120, noRefs: true, skipInvalid: true });
}

/** Returns the value of the text, or what is wrong with it and where: a number of characters from the beginning. */
export function fromYaml(
  text: string,
): { readonly value: unknown } | { readonly problem: string; readonly at: number } {
  try {
    return { value: load(text, { schema: SCHEMA }) };
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    const { reason, mark } = error as { readonly reason: string; readonly mark?: { readonly position: number } };
    return { problem: reason, at: Math.min(mark?.position ?? 0, text.length) };
  }
}
