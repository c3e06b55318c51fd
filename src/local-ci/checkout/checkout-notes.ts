import type { Checkout } from './checkout.js';
import { printable, someOf } from './printable.js';

const MOST_NAMES = 5;
const LONGEST_URL = 300;

/** Returns what the user should know about the commit that runs, one sentence each; nothing for a clean checkout. */
export function checkoutNotes(checkout: Checkout): readonly string[] {
  const { changed, untracked, submodules } = checkout;
  return [
    ...nameNotes(checkout),
    ...(changed.length > 0
      ? [`Uncommitted changes run too, of ${files(changed)}; --head runs HEAD as it is committed.`]
      : []),
    ...(untracked.length > 0
      ? [`Not in the commit that runs, as git doesn't know them ("git add" them): ${someOf(untracked, MOST_NAMES)}.`]
      : []),
    ...(submodules.length > 0
      ? [`Changes of submodules may not reach the tasks: ${someOf(submodules, MOST_NAMES)}.`]
      : []),
  ];
}

function nameNotes({ remotes, host, organization, repository }: Checkout): readonly string[] {
  if (remotes.own?.address) return [];
  const why = remotes.own
    ? `The remote ${printable(remotes.own.url, LONGEST_URL)} is no repository of a host`
    : 'There is no remote';
  return [`${why}: the repository is called ${host}/${organization}/${repository}.`];
}

function files(names: readonly string[]): string {
  const count = names.length === 1 ? '1 tracked file' : `${names.length} tracked files`;
  return `${count} (${someOf(names, MOST_NAMES)})`;
}
