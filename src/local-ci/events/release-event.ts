import { defaultBranch, requireRefName } from '../checkout/branches.js';
import type { Checkout } from '../checkout/checkout.js';
import { readCommit } from '../checkout/commits.js';
import type { JsonObject } from '../model.js';
import { requiredTag } from './checkout-parts.js';
import type { EventParts } from './event-parts.js';
import { accountOf, apiUrl, repositoryOf, webUrl } from './repository.js';

/** The release of the checkout under a tag: it is published, unless `parts` says something else. */
export async function releaseEvent(checkout: Checkout, parts: EventParts): Promise<JsonObject> {
  const tag = await requiredTag(checkout, parts);
  const mainBranch = await defaultBranch(checkout, checkout.remotes.own?.name);
  // A tag that is checked out has no branch.
  const branch = parts.branch ?? checkout.branch ?? mainBranch;
  await requireRefName(checkout, 'heads', branch);
  const account = accountOf(parts.actor ?? checkout.user.login);
  return {
    action: parts.action ?? 'published',
    release: await release(checkout, { tag, branch, account }),
    repository: repositoryOf(checkout, mainBranch, 'api'),
    sender: account,
    installation: { id: 0 },
  };
}

async function release(
  checkout: Checkout,
  { tag, branch, account }: { readonly tag: string; readonly branch: string; readonly account: JsonObject },
): Promise<JsonObject> {
  const api = apiUrl(checkout);
  const { timestamp } = await readCommit(checkout.git, checkout.commit);
  // GitHub writes whole seconds.
  const time = new Date(timestamp).toISOString().replace(/\.\d{3}Z$/, 'Z');
  return {
    url: `${api}/releases/1`,
    html_url: `${webUrl(checkout)}/releases/tag/${tag}`,
    id: 1,
    tag_name: tag,
    target_commitish: branch,
    name: tag,
    draft: false,
    author: account,
    prerelease: false,
    created_at: time,
    published_at: time,
    assets: [],
    tarball_url: `${api}/tarball/${tag}`,
    zipball_url: `${api}/zipball/${tag}`,
    body: '',
  };
}
