import { ConfigError } from './config-error.js';

/** Far more than any real configuration has. */
const MAX_VALUES = 10_000;
const MAX_DEPTH = 50;

/**
 * Throws a ConfigError about `name` for values that would take the worker too long or overflow its stack. Values count
 * once per reference: a few lines of YAML with aliases of aliases stand for billions of values, or contain themselves.
 */
export function checkSize(name: string, values: unknown): void {
  const pending: { readonly value: unknown; readonly depth: number }[] = [{ value: values, depth: 0 }];
  let seen = 0;
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { value, depth } = next;
    if (typeof value !== 'object' || value === null) continue;
    if (depth > MAX_DEPTH) throw new ConfigError([`${name}: nested more than ${MAX_DEPTH} levels deep`]);
    const inner = Object.values(value);
    seen += inner.length;
    if (seen > MAX_VALUES) throw new ConfigError([`${name}: more than ${MAX_VALUES} values`]);
    for (const each of inner) pending.push({ value: each, depth: depth + 1 });
  }
}
