import { execFile } from 'node:child_process';
import { appendFile, mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { readCheckout } from '../../src/local-ci/checkout/checkout.js';
import type { Checkout } from '../../src/local-ci/checkout/checkout.js';

const run = promisify(execFile);
const USER = { 'user.name': 'Ada Lovelace', 'user.email': 'ada+git@example.com' };
/** Commits are made at this time. */
export const COMMIT_TIME = '2026-11-23T15:04:05+01:00';

/** Repositories in a directory of their own, and a user whose git has no other configuration than the test's. */
export class GitPlace {
  readonly directory: string;
  readonly environment: Readonly<Record<string, string>>;

  private constructor(directory: string) {
    this.directory = directory;
    this.environment = {
      PATH: process.env['PATH'] ?? '',
      HOME: join(directory, 'home'),
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: join(directory, 'home', 'gitconfig'),
    };
  }

  static async create(): Promise<GitPlace> {
    const place = new GitPlace(await realpath(await mkdtemp(join(tmpdir(), 'git-place-'))));
    await place.configure({ ...USER, 'init.defaultBranch': 'main', 'protocol.file.allow': 'always' });
    return place;
  }

  /** Writes the user's configuration anew. */
  async configure(settings: Readonly<Record<string, string>>): Promise<void> {
    await mkdir(join(this.directory, 'home'), { recursive: true });
    const lines = Object.entries(settings).map(([key, value]) => {
      const [section = '', ...names] = key.split('.');
      const name = names.pop() ?? '';
      return `[${section}${names.map((each) => ` "${each}"`).join('')}]\n${name} = "${value}"\n`;
    });
    await writeFile(this.environment['GIT_CONFIG_GLOBAL'] ?? '', lines.join(''));
  }

  /** A repository with one commit of the file `README` on the branch main. */
  async repository(name: string): Promise<GitCheckout> {
    const checkout = await this.emptyRepository(name);
    await checkout.commit('First commit', { README: 'hello\n' });
    return checkout;
  }

  async emptyRepository(name: string, ...options: readonly string[]): Promise<GitCheckout> {
    const directory = join(this.directory, name);
    await mkdir(directory, { recursive: true });
    const checkout = this.at(directory);
    await checkout.git('init', '--quiet', ...options);
    return checkout;
  }

  async clone(from: GitCheckout, name: string, ...options: readonly string[]): Promise<GitCheckout> {
    const directory = join(this.directory, name);
    await from.git('clone', '--quiet', ...options, `file://${from.directory}`, directory);
    return this.at(directory);
  }

  at(directory: string): GitCheckout {
    return new GitCheckout(directory, this.environment);
  }

  async dispose(): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }
}

export class GitCheckout {
  readonly directory: string;
  readonly #environment: Readonly<Record<string, string>>;

  constructor(directory: string, environment: Readonly<Record<string, string>>) {
    this.directory = directory;
    this.#environment = environment;
  }

  async git(...args: readonly string[]): Promise<string> {
    const env = { ...this.#environment, GIT_AUTHOR_DATE: COMMIT_TIME, GIT_COMMITTER_DATE: COMMIT_TIME };
    return (await run('git', args, { cwd: this.directory, env })).stdout.trimEnd();
  }

  async write(name: string, text: string): Promise<void> {
    const path = join(this.directory, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }

  async append(name: string, text: string): Promise<void> {
    await appendFile(join(this.directory, name), text);
  }

  /** Commits all changes, and returns the commit. */
  async commit(message: string, files: Readonly<Record<string, string>> = {}): Promise<string> {
    for (const [name, text] of Object.entries(files)) await this.write(name, text);
    await this.git('add', '--all');
    await this.git('commit', '--quiet', '--allow-empty', '--message', message);
    return await this.git('rev-parse', 'HEAD');
  }

  /** Reads it as local-ci does. */
  async read(options: { readonly headOnly?: boolean; readonly environment?: object } = {}): Promise<Checkout> {
    return await readCheckout(this.directory, {
      headOnly: options.headOnly ?? false,
      environment: { ...this.#environment, ...options.environment },
      signal: new AbortController().signal,
    });
  }
}
