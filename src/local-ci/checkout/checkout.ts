import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { CiInputError } from '../model.js';
import { Git, GitError } from './git.js';
import type { Environment } from './git.js';
import { readIdentity } from './identity.js';
import type { Identity } from './identity.js';
import { printable } from './printable.js';
import type { RepositoryAddress } from './remote-url.js';
import { readRemotes } from './remotes.js';
import type { Remotes } from './remotes.js';
import { commitWorkTree } from './work-tree.js';
import type { WorkTree } from './work-tree.js';

/** The repository whose CI runs, as it was when it was read. */
export interface Checkout extends RepositoryAddress {
  /** The top of the work tree. */
  readonly directory: string;
  /** As `git remote get-url` prints it, without passwords; undefined without a remote. */
  readonly remoteUrl: string | undefined;
  /** The commit of HEAD. */
  readonly headCommit: string;
  /** The commit that runs: HEAD, or with uncommitted changes of tracked files one on top of it, which no branch has. */
  readonly commit: string;
  /** Whether `commit` has changes that HEAD hasn't. */
  readonly isDirty: boolean;
  /** Tracked files that `commit` changes. */
  readonly changed: readonly string[];
  /** Files and directories that are not in `commit`; printable. */
  readonly untracked: readonly string[];
  /** Submodules that are at another commit than HEAD says; printable. */
  readonly submodules: readonly string[];
  /** The branch that is checked out; undefined with a detached HEAD. */
  readonly branch: string | undefined;
  /** Whether the history ends before the first commit. */
  readonly isShallow: boolean;
  readonly remotes: Remotes;
  readonly user: Identity;
  /** For more questions; ends with the signal that the checkout was read with. */
  readonly git: Git;
}

export interface ReadOptions {
  /** Leaves uncommitted changes out. */
  readonly headOnly: boolean;
  /** The user's environment: PATH, HOME and what else git reads. */
  readonly environment: Environment;
  readonly signal: AbortSignal;
}

/** Where the repository is taken to be without a remote. */
const NOWHERE = { host: 'github.com', organization: 'local' };
const SHA256_LENGTH = 64;
const LONGEST_PATH = 500;
/** No `.taskcluster.yml` comes near it, and a template takes memory many times over. */
const MAX_FILE_BYTES = 4 * 1024 * 1024;

/**
 * Reads the checkout that a directory, its top or one below that, belongs to. The checkout's files, index and branches
 * stay as they are. Throws a CiInputError that says what to do.
 */
export async function readCheckout(directory: string, options: ReadOptions): Promise<Checkout> {
  const { headOnly, environment, signal } = options;
  await requireDirectory(directory);
  const top = await topOf(new Git({ directory, environment, signal }), directory);
  const git = new Git({ directory: top, environment, signal });
  const headCommit = await headOf(git, top);
  const branch = branchOf(await git.answer(['symbolic-ref', '--quiet', 'HEAD']));
  const remotes = await readRemotes(git, branch);
  const user = await readIdentity(git);
  const workTree: WorkTree = headOnly
    ? { commit: headCommit, changed: [], untracked: [], submodules: [] }
    : await commitWorkTree(git, headCommit, user);
  return {
    ...(remotes.own?.address ?? { ...NOWHERE, repository: repositoryName(top) }),
    ...workTree,
    directory: top,
    remoteUrl: remotes.own?.url,
    headCommit,
    isDirty: workTree.commit !== headCommit,
    branch,
    isShallow: (await git.output(['rev-parse', '--is-shallow-repository'])) === 'true',
    remotes,
    user,
    git,
  };
}

/**
 * Returns the text of a file at the commit that runs; undefined if there is no such file. A symbolic link is followed
 * within the commit. Throws a CiInputError if the file is too large.
 */
export async function fileAt(checkout: Checkout, path: string): Promise<string | undefined> {
  // Git takes the name of an object on a line of its own, and `..` as the directory above the checkout.
  if (/^\/|[\n\0]/.test(path) || path.split('/').includes('..')) return undefined;
  const object = `${checkout.commit}:${path.replace(/^(?:\.\/)+/, '')}\n`;
  const options = ['--batch-check=%(objectname) %(objecttype) %(objectsize)', '--follow-symlinks'];
  const [id = '', type, size = ''] = (await checkout.git.output(['cat-file', ...options], { input: object })).split(
    ' ',
  );
  // Without such an object, git repeats the name, which may have blanks, and says why.
  if (type !== 'blob' || !/^[\da-f]{40}$/.test(id)) return undefined;
  if (Number(size) > MAX_FILE_BYTES) {
    throw new CiInputError(
      `${printable(path, LONGEST_PATH)} has ${size} bytes in the commit that runs; at most ${MAX_FILE_BYTES} are read`,
    );
  }
  return await checkout.git.raw(['cat-file', 'blob', id]);
}

async function requireDirectory(directory: string): Promise<void> {
  const shown = printable(directory, LONGEST_PATH);
  try {
    if ((await stat(directory)).isDirectory()) return;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new CiInputError(`cannot read ${shown} (${code ?? 'unknown error'}): name the directory of a checkout`, {
      cause: error,
    });
  }
  throw new CiInputError(`${shown} is not a directory: name the directory of a checkout`);
}

async function topOf(git: Git, directory: string): Promise<string> {
  try {
    return await git.output(['rev-parse', '--show-toplevel']);
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    throw new CiInputError(noCheckout(printable(directory, LONGEST_PATH), error.words));
  }
}

function noCheckout(directory: string, words: string): string {
  if (words.includes('not a git repository')) {
    return `${directory} is not in a git repository: name the directory of a checkout, or make it one with "git init"`;
  }
  if (words.includes('must be run in a work tree')) {
    return `${directory} is not in a work tree, but in git's own directory or a bare repository: name a checkout`;
  }
  // For a repository of another user, git says itself how to trust it.
  return `git refuses to read ${directory}: ${words}`;
}

async function headOf(git: Git, directory: string): Promise<string> {
  const head = await git.answer(['rev-parse', '--verify', '--quiet', 'HEAD^{commit}'], { missCodes: [1, 128] });
  const shown = printable(directory, LONGEST_PATH);
  if (head === undefined) {
    throw new CiInputError(`the repository ${shown} has no commit yet: make one with "git add" and "git commit"`);
  }
  if (head.length === SHA256_LENGTH) {
    throw new CiInputError(
      `the repository ${shown} names its commits by SHA-256, which GitHub's events don't: local-ci needs a repository with SHA-1, git's default`,
    );
  }
  return head;
}

function branchOf(ref: string | undefined): string | undefined {
  const prefix = 'refs/heads/';
  return ref?.startsWith(prefix) ? ref.slice(prefix.length) : undefined;
}

/** Makes a name that GitHub would allow of the directory's. */
function repositoryName(directory: string): string {
  const name = basename(directory).replace(/[^\w.-]+/g, '-');
  return /^[.-]*$/.test(name) ? 'repository' : name;
}
