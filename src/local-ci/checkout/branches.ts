import { CiInputError } from '../model.js';
import type { Checkout } from './checkout.js';
import { printable } from './printable.js';

/** What GitHub writes for "no commit". */
export const NO_COMMIT = '0'.repeat(40);
const USUAL_NAMES = ['main', 'master'];
const LONGEST_NAME = 200;

/** Throws a CiInputError unless `name` can be the name of a branch (`heads`) or tag. */
export async function requireRefName(checkout: Checkout, kind: 'heads' | 'tags', name: string): Promise<void> {
  const isPlain = name !== '' && !name.startsWith('-') && !name.includes('\0');
  if (isPlain && (await checkout.git.answer(['check-ref-format', `refs/${kind}/${name}`])) !== undefined) return;
  const shown = printable(name, LONGEST_NAME);
  throw new CiInputError(
    `"${shown}" can't be the name of a ${kind === 'heads' ? 'branch' : 'tag'}: git doesn't allow it`,
  );
}

/** Returns the branch that a remote names as its own, else `main` or `master`, else the one that is checked out. */
export async function defaultBranch(checkout: Checkout, remote: string | undefined): Promise<string> {
  const prefix = `refs/remotes/${remote ?? ''}/`;
  const head = await checkout.git.answer(['symbolic-ref', '--quiet', `${prefix}HEAD`], { missCodes: [1, 128] });
  if (head?.startsWith(prefix)) return head.slice(prefix.length);
  for (const name of USUAL_NAMES) {
    if ((await tipOf(checkout, remote, name)) !== undefined) return name;
  }
  return checkout.branch ?? 'main';
}

/** Returns the commit of a branch as the remote had it when it was last fetched, else of the checkout's own branch. */
async function tipOf(checkout: Checkout, remote: string | undefined, branch: string): Promise<string | undefined> {
  const fetched = remote === undefined ? undefined : await commitAt(checkout, `refs/remotes/${remote}/${branch}`);
  return fetched ?? (await commitAt(checkout, `refs/heads/${branch}`));
}

/** Returns the commit of a tag, undefined if there is no such tag. */
export async function tagCommit(checkout: Checkout, tag: string): Promise<string | undefined> {
  return await commitAt(checkout, `refs/tags/${tag}`);
}

/** Returns a tag of HEAD, an annotated one if there is one. */
export async function tagOfHead(checkout: Checkout): Promise<string | undefined> {
  return await checkout.git.answer(['describe', '--tags', '--exact-match', checkout.headCommit], { missCodes: [128] });
}

/**
 * Returns the commit that the branch had before the push: what its upstream has; for another branch, what that has at
 * the remote; else where the history left the default branch. As a push brings something, it is the parent of a commit
 * that is there already. Undefined for a branch that is new.
 */
export async function commitBeforePush(checkout: Checkout, branch: string): Promise<string | undefined> {
  const remote = checkout.remotes.own?.name;
  const before =
    (branch === checkout.branch ? await commitAt(checkout, '@{upstream}') : undefined) ??
    (remote === undefined ? undefined : await commitAt(checkout, `refs/remotes/${remote}/${branch}`)) ??
    (await mergeBase(checkout, remote, await defaultBranch(checkout, remote)));
  return before === checkout.commit ? await parentOf(checkout) : before;
}

/**
 * Returns the commit where the checkout left `base`, the branch that a pull request is for; where it has nothing of its
 * own, the parent of its commit. Throws a CiInputError if the branch isn't here, or the histories have nothing in common.
 */
export async function commitOfBase(checkout: Checkout, base: string): Promise<string> {
  const remote = checkout.remotes.base?.name;
  if ((await tipOf(checkout, remote, base)) === undefined) throw unknownBranch(remote, base);
  const common = await mergeBase(checkout, remote, base);
  if (common === undefined) throw nothingInCommon(checkout, base);
  return common === checkout.commit ? ((await parentOf(checkout)) ?? common) : common;
}

async function mergeBase(checkout: Checkout, remote: string | undefined, branch: string): Promise<string | undefined> {
  const tip = await tipOf(checkout, remote, branch);
  return tip === undefined ? undefined : await checkout.git.answer(['merge-base', tip, checkout.headCommit]);
}

async function parentOf(checkout: Checkout): Promise<string | undefined> {
  return await commitAt(checkout, `${checkout.commit}^1`);
}

async function commitAt(checkout: Checkout, revision: string): Promise<string | undefined> {
  const args = ['rev-parse', '--verify', '--quiet', '--end-of-options', `${revision}^{commit}`];
  return await checkout.git.answer(args, { missCodes: [1, 128] });
}

function unknownBranch(remote: string | undefined, branch: string): CiInputError {
  const name = printable(branch, LONGEST_NAME);
  const fetch = remote === undefined ? '' : `fetch it ("git fetch ${printable(remote, LONGEST_NAME)} ${name}"), or `;
  return new CiInputError(
    `there is no branch "${name}" in the checkout that a pull request could be for: ${fetch}name another one with --base`,
  );
}

function nothingInCommon(checkout: Checkout, base: string): CiInputError {
  const name = printable(base, LONGEST_NAME);
  const advice = checkout.isShallow
    ? 'the checkout is a shallow clone: get the rest of the history with "git fetch --unshallow"'
    : 'name the branch that the pull request is for with --base';
  return new CiInputError(`HEAD has no commit in common with the branch "${name}"; ${advice}`);
}
