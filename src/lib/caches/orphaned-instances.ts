import { readdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../log/logger.js';
import { cacheNameOf } from './cache-name.js';
import { isInstanceId } from './cache-state.js';

export type OrphanedInstance = Readonly<Record<'name' | 'key' | 'path', string>>;

/**
 * Returns the instances below the directory of caches whose paths are not `known`. A worker did not create entries that
 * do not look like instances: they are logged and left, as the configuration may name a directory that holds other
 * files. Empty cache directories are removed.
 */
export async function orphanedInstances(
  directory: string,
  known: ReadonlySet<string>,
  log: Logger,
): Promise<OrphanedInstance[]> {
  const orphans: OrphanedInstance[] = [];
  const foreign: string[] = [];
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    // A worker's cache directories never begin with a dot.
    if (entry.name.startsWith('.')) continue;
    const parent = join(directory, entry.name);
    if (!entry.isDirectory()) {
      foreign.push(parent);
      continue;
    }
    const children = await readdir(parent, { withFileTypes: true });
    if (children.length === 0) await rmdir(parent);
    for (const child of children) {
      const path = join(parent, child.name);
      const name = cacheNameOf(entry.name);
      if (known.has(path)) continue;
      if (child.isDirectory() && isInstanceId(child.name)) orphans.push({ name, key: `${name}::${child.name}`, path });
      else foreign.push(path);
    }
  }
  if (foreign.length > 0) {
    log.warn('unknown entries in cache directory', { directory, count: foreign.length, first: foreign[0] });
  }
  return orphans;
}
