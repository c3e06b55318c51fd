import { isTree } from './layers.js';
import type { ConfigPath, ConfigTree } from './layers.js';

/** Returns the value at a path; undefined: none. */
export function valueAt(tree: ConfigTree, path: ConfigPath): unknown {
  let value: unknown = tree;
  for (const key of path) value = isTree(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  return value;
}

/** Returns a copy with that value at that path. */
export function withValue(tree: ConfigTree, [key = '', ...rest]: ConfigPath, value: unknown): ConfigTree {
  if (rest.length === 0) return { ...tree, [key]: value };
  const inner = tree[key];
  return { ...tree, [key]: withValue(isTree(inner) ? inner : {}, rest, value) };
}

/** Returns a copy without the value at that path. */
export function without(tree: ConfigTree, [key = '', ...rest]: ConfigPath): ConfigTree {
  const { [key]: inner, ...others } = tree;
  return rest.length > 0 && isTree(inner) ? { ...others, [key]: without(inner, rest) } : others;
}

/** Returns a copy in which no entry of the map at `path` has `key`, and the names of the entries that had it. */
export function withoutInEach(
  tree: ConfigTree,
  path: ConfigPath,
  key: string,
): { readonly tree: ConfigTree; readonly entries: readonly string[] } {
  const map = valueAt(tree, path);
  if (!isTree(map)) return { tree, entries: [] };
  const having = Object.entries(map).filter(([, inner]) => isTree(inner) && Object.hasOwn(inner, key));
  if (having.length === 0) return { tree, entries: [] };
  const changed = having.map(([entry, inner]) => [entry, without(inner as ConfigTree, [key])] as const);
  // All at once: copying the map for each of its entries would take quadratic time.
  return {
    tree: withValue(tree, path, { ...map, ...Object.fromEntries(changed) }),
    entries: having.map(([entry]) => entry),
  };
}
