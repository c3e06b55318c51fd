import { join } from 'node:path';
import { GitPlace } from './git-checkout.js';
import type { GitCheckout } from './git-checkout.js';
import { Program } from './program.js';
import type { ProgramOptions } from './program.js';

export interface CiEnd {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A checkout whose CI the program local-ci runs, as a user who has nothing else. */
export class CiCheckout {
  readonly place: GitPlace;
  readonly checkout: GitCheckout;

  private constructor(place: GitPlace, checkout: GitCheckout) {
    this.place = place;
    this.checkout = checkout;
  }

  /** The repository o/n of github.com on the branch main, with one commit of these files. */
  static async create(files: Readonly<Record<string, string>>, remote = 'git@github.com:o/n.git'): Promise<CiCheckout> {
    const place = await GitPlace.create();
    const checkout = await place.emptyRepository('n');
    await checkout.git('remote', 'add', 'origin', remote);
    await checkout.commit('First commit', files);
    return new CiCheckout(place, checkout);
  }

  get directory(): string {
    return this.checkout.directory;
  }

  /** Where nothing of a run should be left. */
  get temporaryDirectory(): string {
    return join(this.place.directory, 'tmp');
  }

  /** Starts local-ci in the checkout. */
  start(args: readonly string[], env: Readonly<Record<string, string>> = {}, options: ProgramOptions = {}): Program {
    const own = { ...this.place.environment, ...env };
    return new Program('local-ci', [this.directory, ...args], own, options);
  }

  /** Runs local-ci to its end. */
  async run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<CiEnd> {
    const program = this.start(args, env);
    const { code } = await program.ended;
    return { code, stdout: program.stdout, stderr: program.stderr };
  }

  async remove(): Promise<void> {
    await this.place.dispose();
  }
}

/** A task of a .taskcluster.yml of version 1, as JSON, which is YAML. */
export function ciTask(name: string, script: string, more: object = {}, payload: object = {}): object {
  return {
    taskQueueId: 'proj/ci',
    created: { $fromNow: '' },
    deadline: { $fromNow: '1 hour' },
    metadata: { name, description: name, owner: 'o@localhost.localdomain', source: 'http://localhost/' },
    payload: { image: 'docker-worker/test:latest', command: ['/bin/sh', '-euc', script], maxRunTime: 120, ...payload },
    ...more,
  };
}

/** The text of a .taskcluster.yml of version 1. */
export function ciFile(tasks: unknown, more: object = {}): string {
  return JSON.stringify({ version: 1, ...more, tasks });
}
