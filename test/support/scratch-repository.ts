import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const IDENTITY = { name: 'Ada', email: 'ada@example.com' };

/** What git prints, without the blank line at the end. Whatever the machine's own configuration is, it does not count. */
export async function gitIn(
  directory: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const own = {
    PATH: process.env['PATH'],
    HOME: '/nonexistent',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_TERMINAL_PROMPT: '0',
    GIT_AUTHOR_NAME: IDENTITY.name,
    GIT_AUTHOR_EMAIL: IDENTITY.email,
    GIT_COMMITTER_NAME: IDENTITY.name,
    GIT_COMMITTER_EMAIL: IDENTITY.email,
    ...env,
  };
  const { stdout } = await promisify(execFile)('git', args, { cwd: directory, env: own });
  return stdout.trimEnd();
}

/** A git repository with a work tree in a temporary directory. */
export class ScratchRepository {
  /** Its parent, for anything else. */
  readonly parent: string;
  readonly directory: string;

  private constructor(parent: string) {
    this.parent = parent;
    this.directory = join(parent, 'checkout');
  }

  /** On the branch `main`, with one commit that has the files. */
  static async create(files: Readonly<Record<string, string>> = { 'README.md': 'one\n' }): Promise<ScratchRepository> {
    const repository = new ScratchRepository(await mkdtemp(join(tmpdir(), 'scratch-repository-')));
    await mkdir(repository.directory);
    await repository.git('init', '--quiet', '--initial-branch=main');
    await repository.commit('the first', files);
    return repository;
  }

  async git(...args: readonly string[]): Promise<string> {
    return await gitIn(this.directory, args);
  }

  async write(path: string, content: string): Promise<void> {
    const file = join(this.directory, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
  }

  /** Commits everything, and returns the commit. */
  async commit(message: string, files: Readonly<Record<string, string>> = {}): Promise<string> {
    for (const [path, content] of Object.entries(files)) await this.write(path, content);
    await this.git('add', '--all');
    await this.git('commit', '--quiet', '--allow-empty', '--message', message);
    return await this.head();
  }

  async head(): Promise<string> {
    return await this.git('rev-parse', 'HEAD');
  }

  async remove(): Promise<void> {
    await rm(this.parent, { recursive: true, force: true });
  }
}
