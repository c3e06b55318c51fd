import { join } from 'node:path';
import { GitServer } from '../../../../src/local-ci/git-server/git-server.js';
import type { GitServerOptions } from '../../../../src/local-ci/git-server/git-server.js';
import { ScratchRepository, gitIn } from '../../../support/scratch-repository.js';

export const URL_OF_CLONE = 'https://github.com/o/n.git';

const NAME = { host: 'github.com', organization: 'o', repository: 'n', remoteUrl: 'git@github.com:o/n.git' };

/** A repository of its own for each test, and git servers for it, which are closed with it. */
export class ServedScratch {
  readonly repository: ScratchRepository;
  /** Where the servers have their temporary files. */
  readonly temporary: string;
  readonly #servers: GitServer[] = [];

  private constructor(repository: ScratchRepository) {
    this.repository = repository;
    this.temporary = join(repository.parent, 'temporary');
  }

  static async create(): Promise<ServedScratch> {
    return new ServedScratch(await ScratchRepository.create({ script: 'echo one\n' }));
  }

  async serve(
    more: Partial<GitServerOptions> & { readonly commit?: string; readonly served?: string } = {},
  ): Promise<GitServer> {
    const { commit, served = this.repository.directory, ...options } = more;
    const checkout = { ...NAME, directory: served, commit: commit ?? (await this.repository.head()) };
    const own = { host: '127.0.0.1', directory: this.temporary, env: process.env };
    const server = await GitServer.start({ checkout, ...own, ...options }, new AbortController().signal);
    this.#servers.push(server);
    return server;
  }

  /** Runs git as a task does it: all that it knows is the environment. */
  async git(server: GitServer, ...args: readonly string[]): Promise<string> {
    return await gitIn(this.repository.parent, args, server.environment);
  }

  async close(): Promise<void> {
    for (const server of this.#servers) await server.close();
    await this.repository.remove();
  }
}
