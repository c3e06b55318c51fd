import { CiInputError } from '../model.js';
import type { Git } from './git.js';
import { GitError } from './git.js';
import type { Person } from './identity.js';
import { printable, someOf } from './printable.js';

/** What of the work tree isn't committed. */
export interface WorkTree {
  /** The commit that stands for it: HEAD, or one on top of HEAD that no branch has. */
  readonly commit: string;
  /** Names of tracked files that it has changed. */
  readonly changed: readonly string[];
  /** Names of files and directories that git doesn't know, and that are not in the commit; printable. */
  readonly untracked: readonly string[];
  /** Names of submodules at another commit than the one that HEAD has; printable. */
  readonly submodules: readonly string[];
}

const MOST_NAMES = 5;
const LONGEST_NAME = 300;

interface Status {
  readonly conflicts: readonly string[];
  readonly changed: readonly string[];
  readonly untracked: readonly string[];
  readonly submodules: readonly string[];
}

/**
 * Makes a commit of the tracked files as they are, uncommitted changes included, without touching the files or any
 * branch. It has HEAD as its only parent, and HEAD's message and time, so that the same content gives the same commit.
 * Throws a CiInputError when git can't do that.
 */
export async function commitWorkTree(git: Git, headCommit: string, author: Person): Promise<WorkTree> {
  const { conflicts, changed, untracked, submodules } = await readStatus(git);
  if (conflicts.length > 0) {
    throw new CiInputError(
      `a merge is under way in the checkout, with conflicts in ${someOf(conflicts, MOST_NAMES)}: resolve them, or give --head to run HEAD as it is committed`,
    );
  }
  const unchanged = { commit: headCommit, changed: [], untracked, submodules };
  if (changed.length === 0) return unchanged;
  const tree = await treeOf(git, (await stash(git)) || headCommit);
  if (tree === (await treeOf(git, headCommit))) return unchanged;
  const commit = await commitOf(git, tree, headCommit, author);
  return { commit, changed: await changesOf(git, headCommit, commit), untracked, submodules };
}

/** Reads `git status --porcelain=v2 -z`. Work trees of submodules are not looked into: their configuration is foreign. */
async function readStatus(git: Git): Promise<Status> {
  const options = ['--untracked-files=normal', '--ignore-submodules=dirty', '--no-renames', '--no-ahead-behind'];
  const entries = (await git.raw(['status', '--porcelain=v2', '-z', ...options])).split('\0');
  const conflicts: string[] = [];
  const changed: string[] = [];
  const untracked: string[] = [];
  const submodules: string[] = [];
  for (const entry of entries) {
    if (entry.startsWith('? ')) untracked.push(printable(entry.slice(2), LONGEST_NAME));
    // u XY sub m1 m2 m3 mW h1 h2 h3 path
    else if (entry.startsWith('u ')) conflicts.push(fieldsAfter(entry, 10));
    // 1 XY sub mH mI mW hH hI path
    else if (entry.startsWith('1 ') && entry.charAt(5) === 'S')
      submodules.push(printable(fieldsAfter(entry, 8), LONGEST_NAME));
    else if (entry.startsWith('1 ')) changed.push(fieldsAfter(entry, 8));
  }
  return { conflicts, changed, untracked, submodules };
}

/** Returns what follows the first `count` fields: a name, which may have blanks. */
function fieldsAfter(entry: string, count: number): string {
  let start = 0;
  for (let field = 0; field < count; field += 1) start = entry.indexOf(' ', start) + 1;
  return entry.slice(start);
}

/** Returns a commit of index and work tree, or empty text if nothing has changed but the times of files. */
async function stash(git: Git): Promise<string> {
  const someone = { name: 'local-ci', email: 'local-ci@localhost' };
  try {
    return (await git.output(['stash', 'create'], { env: identityVariables(someone) })).trim();
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    const advice = 'commit them, or give --head to run HEAD as it is committed';
    throw new CiInputError(`git can make no commit of the uncommitted changes: ${advice}
${error.words}`);
  }
}

async function treeOf(git: Git, commit: string): Promise<string> {
  return await git.output(['rev-parse', '--verify', `${commit}^{tree}`]);
}

async function commitOf(git: Git, tree: string, headCommit: string, author: Person): Promise<string> {
  const format = '--format=%at%x00%B';
  const [line, message = ''] = (await git.raw(['rev-list', '--max-count=1', format, headCommit, '--'])).split('\0');
  // The first line names the commit.
  const date = `@${(line ?? '').split('\n').at(1) ?? '0'} +0000`;
  const env = { ...identityVariables(author), GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date };
  return await git.output(['commit-tree', '--no-gpg-sign', '-p', headCommit, '-F', '-', tree], { input: message, env });
}

function identityVariables({ name, email }: Person): Readonly<Record<string, string>> {
  return { GIT_AUTHOR_NAME: name, GIT_AUTHOR_EMAIL: email, GIT_COMMITTER_NAME: name, GIT_COMMITTER_EMAIL: email };
}

async function changesOf(git: Git, before: string, after: string): Promise<readonly string[]> {
  const options = ['-r', '-z', '--name-only', '--no-renames', '--no-ext-diff'];
  const names = (await git.raw(['diff-tree', ...options, before, after, '--'])).split('\0');
  return names.filter((name) => name !== '').map((name) => printable(name, LONGEST_NAME));
}
