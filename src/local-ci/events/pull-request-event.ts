import { commitOfBase, defaultBranch, requireRefName } from '../checkout/branches.js';
import type { Checkout } from '../checkout/checkout.js';
import { readCommit } from '../checkout/commits.js';
import type { RepositoryAddress } from '../checkout/remote-url.js';
import { CiInputError } from '../model.js';
import type { JsonObject } from '../model.js';
import { requiredBranch } from './checkout-parts.js';
import { commandIn, commentText } from './event-parts.js';
import type { EventParts } from './event-parts.js';
import { accountOf, apiUrl, repositoryOf, webUrl } from './repository.js';

const DEFAULT_NUMBER = 1;

/** What happens to a pull request of the checkout's branch: it is opened, unless `parts` says something else. */
export async function pullRequestEvent(checkout: Checkout, parts: EventParts): Promise<JsonObject> {
  const action = parts.action ?? 'opened';
  const state = action === 'closed' ? 'closed' : 'open';
  return {
    action,
    number: parts.number ?? DEFAULT_NUMBER,
    pull_request: await pullRequest(checkout, parts, state),
    ...(await commonParts(checkout, parts)),
  };
}

/** A comment on such a pull request: the one in `parts`, made a command. Throws a CiInputError without any. */
export async function issueCommentEvent(checkout: Checkout, parts: EventParts): Promise<JsonObject> {
  if (parts.comment === undefined) {
    throw new CiInputError(
      'a comment needs a text: give the command, what stands behind "/taskcluster", with --comment',
    );
  }
  const body = commentText(parts.comment);
  const request = await pullRequest(checkout, parts, 'open');
  const { number, title, url } = request;
  const account = accountOf(parts.actor ?? checkout.user.login);
  return {
    action: parts.action ?? 'created',
    issue: { number, state: 'open', title, user: account, labels: [], pull_request: { url } },
    comment: { id: 1, body, user: account },
    pull_request: request,
    taskcluster_comment: commandIn(body) ?? '',
    ...(await commonParts(checkout, parts)),
  };
}

async function commonParts(checkout: Checkout, parts: EventParts): Promise<JsonObject> {
  return {
    repository: repositoryOf(addressOf(checkout, 'base'), await baseDefaultBranch(checkout), 'api'),
    sender: accountOf(parts.actor ?? checkout.user.login),
    installation: { id: 0 },
  };
}

async function pullRequest(checkout: Checkout, parts: EventParts, state: 'open' | 'closed'): Promise<JsonObject> {
  const branch = requiredBranch(checkout, parts);
  await requireRefName(checkout, 'heads', branch);
  const base = parts.base ?? (await baseDefaultBranch(checkout));
  await requireRefName(checkout, 'heads', base);
  const baseCommit = await commitOfBase(checkout, base);
  const [from, to] = [addressOf(checkout, 'head'), addressOf(checkout, 'base')];
  const number = parts.number ?? DEFAULT_NUMBER;
  const { subject, body } = await readCommit(checkout.git, checkout.commit);
  const side = { defaultBranch: await baseDefaultBranch(checkout) };
  return {
    url: `${apiUrl(to)}/pulls/${number}`,
    id: 1,
    html_url: `${webUrl(to)}/pull/${number}`,
    number,
    state,
    title: subject,
    user: accountOf(parts.actor ?? checkout.user.login),
    body,
    labels: [],
    draft: false,
    merged: false,
    head: sideOf(from, { ...side, branch, commit: checkout.commit }),
    base: sideOf(to, { ...side, branch: base, commit: baseCommit }),
  };
}

function sideOf(
  address: RepositoryAddress,
  at: { readonly branch: string; readonly commit: string; readonly defaultBranch: string },
): JsonObject {
  const { organization } = address;
  return {
    label: `${organization}:${at.branch}`,
    ref: at.branch,
    sha: at.commit,
    user: accountOf(organization),
    repo: repositoryOf(address, at.defaultBranch, 'api'),
  };
}

function addressOf(checkout: Checkout, side: 'head' | 'base'): RepositoryAddress {
  return checkout.remotes[side]?.address ?? checkout;
}

async function baseDefaultBranch(checkout: Checkout): Promise<string> {
  return await defaultBranch(checkout, checkout.remotes.base?.name);
}
