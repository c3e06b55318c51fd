import { chmod, lstat, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheDirectoryName } from './cache-name.js';
import type { CacheInstance } from './cache-state.js';
import { makeDirectory } from '../util/make-directory.js';

/** The directories of cache instances: `<root>/<name>/<uuid>`. */
export class CacheDirectory {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  pathOf({ name, uuid }: Pick<CacheInstance, 'name' | 'uuid'>): string {
    return join(this.#parentOf(name), uuid);
  }

  /** Creates an instance's directory, empty. */
  async make(instance: CacheInstance): Promise<void> {
    const path = this.pathOf(instance);
    // Closed to all users of this machine. Containers are not affected: only the directory below is mounted into them.
    await makeDirectory(this.#parentOf(instance.name), 0o700);
    await mkdir(path);
    // Writable for the container's user, since in many images it is not root.
    await chmod(path, 0o777);
  }

  /** Checks that the instance and its parent are directories, not links: a cache mount never leads elsewhere. */
  async exists(instance: CacheInstance): Promise<boolean> {
    try {
      const found = await Promise.all(
        [this.#parentOf(instance.name), this.pathOf(instance)].map((path) => lstat(path)),
      );
      return found.every((each) => each.isDirectory());
    } catch (error) {
      if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
      throw error;
    }
  }

  #parentOf(name: string): string {
    return join(this.path, cacheDirectoryName(name));
  }
}
