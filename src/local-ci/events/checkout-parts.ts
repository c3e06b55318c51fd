import { requireRefName, tagCommit, tagOfHead } from '../checkout/branches.js';
import type { Checkout } from '../checkout/checkout.js';
import { printable } from '../checkout/printable.js';
import { CiInputError } from '../model.js';
import type { EventParts } from './event-parts.js';

const LONGEST_TAG = 200;

/** Returns the branch of the event, by default the checkout's. Throws a CiInputError with a detached HEAD. */
export function requiredBranch(checkout: Checkout, parts: EventParts): string {
  const branch = parts.branch ?? checkout.branch;
  if (branch !== undefined) return branch;
  throw new CiInputError('HEAD is detached, so the event has no branch: name one with --branch, or check one out');
}

/** Returns the tag of the event. Throws a CiInputError without any, or if it is at another commit than the checkout. */
export async function requiredTag(checkout: Checkout, { tag }: EventParts): Promise<string> {
  if (tag !== undefined) return await checkedTag(checkout, tag);
  const own = await tagOfHead(checkout);
  if (own !== undefined) return own;
  throw new CiInputError('HEAD has no tag: name one with --tag, which need not exist');
}

async function checkedTag(checkout: Checkout, tag: string): Promise<string> {
  await requireRefName(checkout, 'tags', tag);
  const commit = await tagCommit(checkout, tag);
  if (commit === undefined || commit === checkout.headCommit) return tag;
  const name = printable(tag, LONGEST_TAG);
  throw new CiInputError(
    `the tag "${name}" is at the commit ${commit.slice(0, 12)}, and HEAD at ${checkout.headCommit.slice(0, 12)}: check the tag out, or name one with --tag that doesn't exist yet`,
  );
}
