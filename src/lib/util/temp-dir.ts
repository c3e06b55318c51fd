import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDirectory } from './make-directory.js';

/** A new directory that only its owner can access (mode 0700), deleted with its content when disposed. */
export class TempDir {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** Creates `parent` too if it is missing. `prefix` starts the directory's name. */
  static async create(parent: string, prefix: string): Promise<TempDir> {
    await makeDirectory(parent, 0o700);
    return new TempDir(await mkdtemp(join(parent, prefix)));
  }

  /** Takes over a directory that a previous process created. */
  static adopt(path: string): TempDir {
    return new TempDir(path);
  }

  /** Deletes its content, except what `keeps` names. */
  async empty(keeps: (name: string) => boolean): Promise<void> {
    for (const name of await readdir(this.path)) {
      if (!keeps(name)) await rm(join(this.path, name), { recursive: true, force: true });
    }
  }

  async dispose(): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }
}
