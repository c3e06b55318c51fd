import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** A separate directory for each test of the surrounding `describe`. */
export class TempFolder {
  #path = '';

  constructor() {
    beforeEach(async () => {
      this.#path = await mkdtemp(join(tmpdir(), 'docker-worker-deploy-'));
    });
    afterEach(() => rm(this.#path, { recursive: true, force: true }));
  }

  get path(): string {
    return this.#path;
  }

  at(...parts: readonly string[]): string {
    return join(this.#path, ...parts);
  }

  /** Writes a file with all directories above it; returns its path. */
  async write(name: string, content: string | Buffer, mode = 0o644): Promise<string> {
    const file = this.at(name);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
    await chmod(file, mode);
    return file;
  }
}
