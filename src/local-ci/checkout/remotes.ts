import type { Git } from './git.js';
import { parseRemoteUrl } from './remote-url.js';
import type { RepositoryAddress } from './remote-url.js';

export interface Remote {
  /** Its name in the checkout's configuration; undefined where that has a URL in place of a name. */
  readonly name: string | undefined;
  /** Without passwords. */
  readonly url: string;
  readonly address: RepositoryAddress | undefined;
}

/** The remotes that matter to an event; none has any without a remote. */
export interface Remotes {
  /** Where the branch is pushed to: its own remote, else `origin`, else the first one. */
  readonly own: Remote | undefined;
  /** Where the branch of a pull request is: in a fork, `origin`. */
  readonly head: Remote | undefined;
  /** What the pull request is for: of a fork, `upstream`. */
  readonly base: Remote | undefined;
}

/** Reads the remotes of the branch; undefined stands for a detached HEAD. */
export async function readRemotes(git: Git, branch: string | undefined): Promise<Remotes> {
  const names = (await git.output(['remote'])).split('\n').filter((name) => name !== '');
  const chosen = branch === undefined ? undefined : await git.answer(['config', '--get', `branch.${branch}.remote`]);
  const named = async (name: string): Promise<Remote | undefined> =>
    names.includes(name) ? await readRemote(git, name) : undefined;
  const [origin, upstream] = [await named('origin'), await named('upstream')];
  const own =
    (await branchRemote(git, names, chosen)) ?? origin ?? (names[0] === undefined ? undefined : await named(names[0]));
  if (origin && upstream) return { own, head: isOneOf(own, origin, upstream) ? origin : own, base: upstream };
  return { own, head: own, base: upstream ?? origin ?? own };
}

function isOneOf(remote: Remote | undefined, ...others: readonly Remote[]): boolean {
  return others.some(({ name }) => name === remote?.name);
}

/** `branch.<name>.remote` is a name, a URL (a pull request of a fork, checked out by a tool), or `.`: this repository. */
async function branchRemote(
  git: Git,
  names: readonly string[],
  chosen: string | undefined,
): Promise<Remote | undefined> {
  if (chosen === undefined || chosen === '.') return undefined;
  if (names.includes(chosen)) return await readRemote(git, chosen);
  const parsed = parseRemoteUrl(chosen);
  return parsed.address && { name: undefined, ...parsed };
}

async function readRemote(git: Git, name: string): Promise<Remote | undefined> {
  // A remote may have other settings, and no URL.
  const url = await git.answer(['remote', 'get-url', '--', name], { missCodes: [1, 2, 128] });
  return url === undefined ? undefined : { name, ...parseRemoteUrl(url) };
}
