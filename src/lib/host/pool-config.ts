import { LayeredConfig, isTree } from '../config/layers.js';
import type { ConfigTree } from '../config/layers.js';

/** What a pool, or a secret, defines for its workers. */
export interface PoolConfig {
  /** Settings. */
  readonly config: ConfigTree;
  /** The files to place on the machine; not validated yet. */
  readonly files: readonly unknown[];
}

/** The keys in which pools wrap what is for their workers; the first one found counts. */
const WRAPPERS = ['dockerWorker', 'genericWorker'];

/**
 * Parses what owners of pools and secrets wrote: `{dockerWorker: {config, files}}`, whose other keys are ignored, or
 * `{config, files}`, or only settings.
 */
export function poolConfig(written: ConfigTree): PoolConfig {
  const form = formOf(written);
  if (form === undefined) return { config: written, files: [] };
  const { config, files } = form.inner;
  return { config: isTree(config) ? config : {}, files: Array.isArray(files) ? files : [] };
}

/** Returns the keys that were added next to the pool's own. */
export function keysOutsidePoolConfig(written: ConfigTree): ConfigTree {
  const form = formOf(written);
  return form ? Object.fromEntries(Object.entries(written).filter(([key]) => !form.keys.includes(key))) : {};
}

/** Merges layers of configuration like files; later ones win. */
export function mergeConfig(...layers: readonly ConfigTree[]): ConfigTree {
  const merged = new LayeredConfig({});
  for (const values of layers) merged.apply({ name: 'host', values });
  return merged.values();
}

/** Returns where the settings and files are, and the top-level keys of that form; undefined: all keys are settings. */
function formOf(written: ConfigTree): { readonly inner: ConfigTree; readonly keys: readonly string[] } | undefined {
  for (const name of WRAPPERS) {
    const inner = written[name];
    if (isTree(inner)) return { inner, keys: WRAPPERS };
  }
  return isTree(written['config']) ? { inner: written, keys: ['config', 'files'] } : undefined;
}
