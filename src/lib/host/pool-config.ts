import { LayeredConfig, isTree } from '../config/layers.js';
import type { ConfigTree } from '../config/layers.js';

/** What a pool, or a secret, has for its workers. */
export interface PoolConfig {
  /** Settings. */
  readonly config: ConfigTree;
  /** What is to be on the machine; not looked at yet. */
  readonly files: readonly unknown[];
}

/** Whose names pools have around what is for their workers, the first found counts. */
const WRAPPERS = ['dockerWorker', 'genericWorker'];

/**
 * What owners of pools and secrets wrote: `{dockerWorker: {config, files}}`, what is beside that does not count, or
 * `{config, files}`, or settings alone.
 */
export function poolConfig(written: ConfigTree): PoolConfig {
  const form = formOf(written);
  if (form === undefined) return { config: written, files: [] };
  const { config, files } = form.inner;
  return { config: isTree(config) ? config : {}, files: Array.isArray(files) ? files : [] };
}

/** What is beside the pool's own, where somebody has added to it. */
export function besidePoolConfig(written: ConfigTree): ConfigTree {
  const form = formOf(written);
  return form ? Object.fromEntries(Object.entries(written).filter(([key]) => !form.keys.includes(key))) : {};
}

/** Lays configuration over configuration, later ones winning, as files are laid over one another. */
export function mergeConfig(...layers: readonly ConfigTree[]): ConfigTree {
  const merged = new LayeredConfig({});
  for (const values of layers) merged.apply({ name: 'host', values });
  return merged.values();
}

/** Where the settings and files are, and the keys at the top that stand for them; undefined: all are settings. */
function formOf(written: ConfigTree): { readonly inner: ConfigTree; readonly keys: readonly string[] } | undefined {
  for (const name of WRAPPERS) {
    const inner = written[name];
    if (isTree(inner)) return { inner, keys: WRAPPERS };
  }
  return isTree(written['config']) ? { inner: written, keys: ['config', 'files'] } : undefined;
}
