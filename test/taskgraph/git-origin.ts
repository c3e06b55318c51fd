import { execFile } from 'node:child_process';
import { appendFile, cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
/** Commits of the same content have the same hash on every machine. */
const AUTHOR = {
  GIT_AUTHOR_NAME: 'A. Uthor',
  GIT_AUTHOR_EMAIL: 'author@example.com',
  GIT_COMMITTER_NAME: 'A. Uthor',
  GIT_COMMITTER_EMAIL: 'author@example.com',
};

/** What a push did: a commit, and the one before it. */
export interface Pushed {
  readonly before: string;
  readonly after: string;
}

/** A repository that people push to: one with a checkout, from which it is served. */
export class GitOrigin {
  readonly directory: string;

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async create(directory: string): Promise<GitOrigin> {
    await mkdir(directory, { recursive: true });
    const origin = new GitOrigin(directory);
    await origin.#git('init', '--quiet', '--initial-branch=main');
    // As GitHub does: tasks ask for the commit that they are of.
    await origin.#git('config', 'uploadpack.allowAnySHA1InWant', 'true');
    return origin;
  }

  /** Lays a directory over what is there; `replace` is put in the place of its keys in the files named by `within`. */
  async copy(
    from: string,
    within: readonly string[] = [],
    replace: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    await cp(from, this.directory, { recursive: true });
    for (const name of within) {
      const path = join(this.directory, name);
      let text = await readFile(path, 'utf8');
      for (const [key, value] of Object.entries(replace)) text = text.replaceAll(key, value);
      await writeFile(path, text);
    }
  }

  async append(name: string, text: string): Promise<void> {
    const path = join(this.directory, name);
    await mkdir(dirname(path), { recursive: true });
    await appendFile(path, text);
  }

  /** Commits everything. */
  async push(message: string): Promise<Pushed> {
    const before = await this.#head();
    await this.#git('add', '--all');
    await this.#git('commit', '--quiet', '--message', message);
    return { before, after: await this.#head() };
  }

  async #head(): Promise<string> {
    try {
      return await this.#git('rev-parse', '--verify', '--quiet', 'HEAD');
    } catch {
      return '0'.repeat(40);
    }
  }

  async #git(...args: readonly string[]): Promise<string> {
    const env = { ...process.env, ...AUTHOR, GIT_CONFIG_GLOBAL: '/dev/null' };
    return (await run('git', ['-C', this.directory, ...args], { env })).stdout.trim();
  }
}
