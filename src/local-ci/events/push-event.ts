import { commitBeforePush, defaultBranch, NO_COMMIT, requireRefName } from '../checkout/branches.js';
import type { Checkout } from '../checkout/checkout.js';
import { readChangedFiles, readCommit, readCommitsBetween } from '../checkout/commits.js';
import type { Commit } from '../checkout/commits.js';
import { loginOf } from '../checkout/identity.js';
import type { Person } from '../checkout/identity.js';
import type { JsonObject } from '../model.js';
import { requiredBranch, requiredTag } from './checkout-parts.js';
import type { EventParts } from './event-parts.js';
import { accountOf, repositoryOf, webUrl } from './repository.js';

/** Most commits that the event describes. */
const MOST_COMMITS = 20;

/** The push of the checkout to a branch: its own, or the one in `parts`. */
export async function pushEvent(checkout: Checkout, parts: EventParts): Promise<JsonObject> {
  const branch = requiredBranch(checkout, parts);
  await requireRefName(checkout, 'heads', branch);
  const before = await commitBeforePush(checkout, branch);
  const commits = await readCommitsBetween(checkout.git, { before, after: checkout.commit }, MOST_COMMITS);
  const from = before ?? NO_COMMIT;
  return {
    ref: `refs/heads/${branch}`,
    before: from,
    ...(await commonParts(checkout, parts)),
    created: false,
    compare: `${webUrl(checkout)}/compare/${from.slice(0, 12)}...${checkout.commit.slice(0, 12)}`,
    commits: await pushedCommits(checkout, commits),
  };
}

/** The push of a tag: the one in `parts`, or one that HEAD has. */
export async function tagEvent(checkout: Checkout, parts: EventParts): Promise<JsonObject> {
  const tag = await requiredTag(checkout, parts);
  return {
    ref: `refs/tags/${tag}`,
    before: NO_COMMIT,
    ...(await commonParts(checkout, parts)),
    created: true,
    compare: `${webUrl(checkout)}/compare/${tag}`,
    commits: [],
  };
}

async function commonParts(checkout: Checkout, parts: EventParts): Promise<JsonObject> {
  const login = parts.actor ?? checkout.user.login;
  return {
    after: checkout.commit,
    deleted: false,
    forced: false,
    base_ref: null,
    head_commit: await pushedCommit(checkout, await readCommit(checkout.git, checkout.commit)),
    repository: repositoryOf(checkout, await defaultBranch(checkout, checkout.remotes.own?.name), 'web'),
    pusher: { name: login, email: checkout.user.email },
    sender: accountOf(login),
    installation: { id: 0 },
  };
}

async function pushedCommits(checkout: Checkout, commits: readonly Commit[]): Promise<readonly JsonObject[]> {
  const described: JsonObject[] = [];
  for (const commit of commits) described.push(await pushedCommit(checkout, commit));
  return described;
}

async function pushedCommit(checkout: Checkout, commit: Commit): Promise<JsonObject> {
  return {
    id: commit.id,
    tree_id: commit.tree,
    distinct: true,
    message: commit.message,
    timestamp: commit.timestamp,
    url: `${webUrl(checkout)}/commit/${commit.id}`,
    author: accountOfPerson(checkout, commit.author),
    committer: accountOfPerson(checkout, commit.committer),
    ...(await changedFiles(checkout, commit)),
  };
}

async function changedFiles(checkout: Checkout, commit: Commit): Promise<JsonObject> {
  // Where a shallow clone begins, every file would seem to be new.
  if (checkout.isShallow && commit.parents.length === 0) return { added: [], removed: [], modified: [] };
  return { ...(await readChangedFiles(checkout.git, commit)) };
}

function accountOfPerson({ user }: Checkout, { name, email }: Person): JsonObject {
  return { name, email, username: email === user.email ? user.login : loginOf(email) };
}
