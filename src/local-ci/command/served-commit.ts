import type { Checkout } from '../checkout/checkout.js';
import type { ServedCheckout } from '../git-server/git-server.js';
import type { CiTrigger } from '../model.js';

/** What git in the containers gets instead of the repository at its host. */
export interface ServedCommit {
  readonly commit: string;
  /** In full, `refs/heads/main`; all point at the commit. */
  readonly refs: readonly string[];
  /** The names by which tasks may know the repository, the checkout's first. */
  readonly names: readonly Pick<ServedCheckout, 'host' | 'organization' | 'repository'>[];
}

const COMMIT = /^[0-9a-f]{40}$/;
const REF = /^refs\/(?:heads|tags)\/./;

/**
 * Returns what tasks of this event get from the checkout; undefined when the event is about a commit that is not in it,
 * which only the repository's host can have.
 */
export async function servedCommit(checkout: Checkout, trigger: CiTrigger): Promise<ServedCommit | undefined> {
  const asked = trigger.kind === 'github' ? trigger.details['event.head.sha'] : undefined;
  const commit = typeof asked === 'string' && COMMIT.test(asked) ? asked : checkout.commit;
  if (!(await hasCommit(checkout, commit))) return undefined;
  return { commit, refs: refsOf(trigger, checkout), names: namesOf(trigger, checkout) };
}

/** Whether the checkout has the commit, if only as one that no branch has any more. */
export async function hasCommit({ git }: Pick<Checkout, 'git'>, commit: string): Promise<boolean> {
  return (await git.answer(['cat-file', '-e', `${commit}^{commit}`], { missCodes: [1, 128] })) !== undefined;
}

function refsOf(trigger: CiTrigger, { branch }: Checkout): readonly string[] {
  const own = branch === undefined ? [] : [`refs/heads/${branch}`];
  if (trigger.kind === 'context') return own;
  const { details } = trigger;
  const text = (key: string): string => (typeof details[key] === 'string' ? details[key] : '');
  const number = details['event.pullNumber'];
  const refs = [
    text('event.head.ref'),
    ...(typeof number === 'number' ? [`refs/pull/${number}/head`] : []),
    ...(text('event.version') === ''
      ? []
      : [`refs/heads/${text('event.base.repo.branch')}`, `refs/tags/${text('event.version')}`]),
  ];
  const valid = refs.filter((ref) => REF.test(ref) || ref.startsWith('refs/pull/'));
  return valid.length > 0 ? [...new Set(valid)] : own;
}

function namesOf(trigger: CiTrigger, checkout: Checkout): ServedCommit['names'] {
  const { remotes } = checkout;
  const all = [
    checkout,
    ...(trigger.kind === 'github' ? [trigger] : []),
    ...[remotes.head?.address, remotes.base?.address].flatMap((address) => (address ? [address] : [])),
  ];
  const names = all.map(({ host, organization, repository }) => ({ host, organization, repository }));
  return [...new Map(names.map((name) => [JSON.stringify(name), name])).values()];
}
