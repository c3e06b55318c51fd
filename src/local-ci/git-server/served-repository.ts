import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { shorten } from '../../lib/util/shorten.js';
import { TempDir } from '../../lib/util/temp-dir.js';
import { CiInputError } from '../model.js';
import { gitPath, runGit } from './run-git.js';
import type { GitPlace } from './run-git.js';
import { REF_FORMAT, REMOTE_NAMES, servedRefs } from './served-refs.js';

export interface ServedRepositoryOptions {
  /** The checkout, and the environment of this program. */
  readonly checkout: GitPlace;
  /** 40 hexadecimal digits; nothing in the checkout need point at it. */
  readonly commit: string;
  /** The refs that point at the commit, in full: `refs/heads/main`. Default: the branch that is checked out. */
  readonly refs?: readonly string[] | undefined;
  /** The directory for temporary files. */
  readonly directory: string;
}

/** A bare repository that has the objects of a checkout by reference, and refs of its own. */
export interface ServedRepository {
  /** Its path. */
  readonly path: string;
  /** What does not work with it, a sentence each. */
  readonly notes: readonly string[];
  dispose(): Promise<void>;
}

const MAX_REF_LENGTH = 1000;
/** A task may want the commit that nothing points at, or another old one; and a clone without blobs, as hosts allow. */
const CONFIG = `[core]
	bare = true
	repositoryformatversion = 0
[uploadpack]
	allowAnySHA1InWant = true
	allowFilter = true
[gc]
	auto = 0
`;

/**
 * Makes the repository that is served in place of the real one. It copies no object, and changes nothing in the
 * checkout. Throws a CiInputError if the commit is not there, or a ref can't have its name.
 */
export async function makeServedRepository(
  { checkout, commit, refs, directory }: ServedRepositoryOptions,
  signal: AbortSignal,
): Promise<ServedRepository> {
  await mustHave(commit, checkout, signal);
  const own = refs ?? (await checkedOutBranch(checkout, signal));
  for (const ref of own) await mustBeRef(ref, checkout, signal);
  const temporary = await TempDir.create(directory, 'git-server-');
  try {
    const path = join(temporary.path, 'repository.git');
    const bare = { directory: temporary.path, env: checkout.env };
    await runGit(['init', '--quiet', '--bare', '--template=', '--', path], bare, signal);
    await writeFile(join(path, 'config'), CONFIG);
    await borrowObjects(path, checkout, signal);
    const { packed, head } = servedRefs(commit, own, await listRefs(checkout, signal));
    await writeFile(join(path, 'packed-refs'), packed);
    await writeFile(join(path, 'HEAD'), head);
    const notes = [...(await copyShallow(path, checkout, signal)), ...(await partialNote(checkout, signal))];
    return { path, notes, dispose: () => temporary.dispose() };
  } catch (error) {
    await temporary.dispose();
    throw error;
  }
}

async function mustHave(commit: string, checkout: GitPlace, signal: AbortSignal): Promise<void> {
  if (/^[0-9a-f]{40}$/.test(commit)) {
    await runGit(['cat-file', '-e', `${commit}^{commit}`], checkout, signal);
    return;
  }
  throw new CiInputError(`"${shorten(commit, 100)}" is not the full id of a commit (40 hexadecimal digits)`);
}

/** Empty for a detached HEAD. */
async function checkedOutBranch(checkout: GitPlace, signal: AbortSignal): Promise<readonly string[]> {
  const name = (await runGit(['rev-parse', '--symbolic-full-name', 'HEAD'], checkout, signal)).trim();
  return name.startsWith('refs/heads/') ? [name] : [];
}

async function mustBeRef(ref: string, checkout: GitPlace, signal: AbortSignal): Promise<void> {
  const isLike = ref.startsWith('refs/') && ref.length <= MAX_REF_LENGTH && !ref.includes('\0');
  const isRef = isLike && (await isAccepted(['check-ref-format', ref], checkout, signal));
  if (!isRef) throw new CiInputError(`"${shorten(ref, 100)}" can't be the name of a branch or a tag in git`);
}

async function isAccepted(args: readonly string[], checkout: GitPlace, signal: AbortSignal): Promise<boolean> {
  try {
    await runGit(args, checkout, signal);
    return true;
  } catch (error) {
    if (error instanceof CiInputError) return false;
    throw error;
  }
}

async function borrowObjects(path: string, checkout: GitPlace, signal: AbortSignal): Promise<void> {
  const objects = await gitPath('objects', checkout, signal);
  // The file has a path a line; one with a line break in it can be quoted.
  const line = objects.includes('\n') ? `"${objects.replaceAll(/["\\]/g, '\\$&').replaceAll('\n', '\\n')}"` : objects;
  await writeFile(join(path, 'objects', 'info', 'alternates'), `${line}\n`);
}

async function listRefs(checkout: GitPlace, signal: AbortSignal): Promise<string> {
  const remotes = REMOTE_NAMES.map((name) => `refs/remotes/${name}/`);
  const args = ['for-each-ref', `--format=${REF_FORMAT}`, 'refs/heads/', 'refs/tags/', ...remotes];
  return await runGit(args, checkout, signal);
}

/** Without this list of the commits that lack their parents, git takes the repository for a damaged one. */
async function copyShallow(path: string, checkout: GitPlace, signal: AbortSignal): Promise<readonly string[]> {
  if ((await runGit(['rev-parse', '--is-shallow-repository'], checkout, signal)).trim() !== 'true') return [];
  await copyFile(await gitPath('shallow', checkout, signal), join(path, 'shallow'));
  return [
    'The checkout is a shallow clone, so a clone that a task makes of it lacks the same history (git fetch --unshallow gets it).',
  ];
}

async function partialNote(checkout: GitPlace, signal: AbortSignal): Promise<readonly string[]> {
  const asked = ['config', '--get-regexp', String.raw`^remote\..*\.promisor$`, 'true'];
  // It fails if there is no such setting.
  if (!(await isAccepted(asked, checkout, signal))) return [];
  return [
    'The checkout is a partial clone: a task can only clone what has been fetched into it (git fetch --refetch --no-filter gets all).',
  ];
}
