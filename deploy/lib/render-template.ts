import { DeployError } from './deploy-error.js';

/** Matches `{{name}}`. After a backslash it is not a variable: it is kept, without the backslash. */
const REFERENCE = /(\\?)\{\{\s*([A-Za-z]\w*)\s*\}\}/g;

/** Returns the names of the variables in a template, without duplicates. */
export function variablesIn(template: string): readonly string[] {
  const names = [...template.matchAll(REFERENCE)].filter(([, escape]) => escape === '').map(([, , name = '']) => name);
  return [...new Set(names)];
}

/**
 * Returns the template with each `{{name}}` replaced by its value. Values are not rendered themselves. Throws a
 * DeployError that names `file` and the variable when there is no value for it.
 */
export function renderTemplate(file: string, template: string, values: ReadonlyMap<string, string>): string {
  return template.replace(REFERENCE, (reference: string, escape: string, name: string) => {
    if (escape !== '') return reference.slice(1);
    const value = values.get(name);
    if (value === undefined) throw new DeployError(`${file}: the variable ${name} is undefined.`);
    return value;
  });
}

/** Returns the text of a file, or undefined when it is binary: not UTF-8, or with a NUL. */
export function textOf(content: Buffer): string | undefined {
  if (content.includes(0)) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content);
  } catch {
    return undefined;
  }
}
