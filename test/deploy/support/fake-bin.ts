import { execFileSync } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The programs that the scripts need in addition to the tools they check for. */
const BASICS = ['bash', 'cat', 'dirname', 'env', 'grep', 'mkdir', 'node', 'readlink', 'rm', 'sed', 'sh', 'stat', 'tr'];

/** A directory that is the whole PATH of a program under test: basic real programs, and fake ones. */
export class FakeBin {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async create(): Promise<FakeBin> {
    const bin = new FakeBin(await mkdtemp(join(tmpdir(), 'docker-worker-bin-')));
    await bin.link(...BASICS);
    return bin;
  }

  /** Makes real programs available. */
  async link(...programs: readonly string[]): Promise<void> {
    for (const program of programs) await symlink(where(program), join(this.path, program));
  }

  /** Adds a fake program; `script` is for sh, and "$@" is recorded before it runs. */
  async add(name: string, script: string): Promise<void> {
    const file = join(this.path, name);
    await rm(file, { force: true });
    await writeFile(file, `#!/bin/sh\nprintf '%s\\n' "${name} $*" >>'${this.#log}'\n${script}\n`);
    await chmod(file, 0o755);
  }

  async remove(name: string): Promise<void> {
    await rm(join(this.path, name));
  }

  /** Returns the calls of the fake programs, in order. */
  async calls(): Promise<readonly string[]> {
    const text = await readFile(this.#log, 'utf8').catch(() => '');
    return text.split('\n').filter((line) => line !== '');
  }

  async dispose(): Promise<void> {
    await rm(this.path, { recursive: true });
  }

  get #log(): string {
    return join(this.path, 'calls.log');
  }
}

function where(program: string): string {
  return execFileSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).trim();
}
