import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDirectory } from './make-directory.js';

/** A new directory for its owner alone (mode 0700), deleted with all its content when disposed of. */
export class TempDir {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** Makes `parent` too when it is missing. `prefix` begins the directory's name. */
  static async create(parent: string, prefix: string): Promise<TempDir> {
    await makeDirectory(parent, 0o700);
    return new TempDir(await mkdtemp(join(parent, prefix)));
  }

  async dispose(): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }
}
