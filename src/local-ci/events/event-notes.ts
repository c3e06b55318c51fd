import type { Checkout } from '../checkout/checkout.js';
import type { GithubTrigger } from '../model.js';
import { textAt } from './json-paths.js';

/** Returns what the user should know about an event that isn't one of the checkout, one sentence each. */
export function eventNotes(trigger: GithubTrigger, checkout: Checkout): readonly string[] {
  const commit = commitOf(trigger);
  if (commit === undefined || commit === checkout.commit) return [];
  const [theirs, ours] = [commit.slice(0, 12), checkout.commit.slice(0, 12)];
  return [`The event is about the commit ${theirs}, and .taskcluster.yml is that of the checkout's commit ${ours}.`];
}

/** Returns the commit that the event is about; releases don't say it. */
function commitOf({ body, details }: GithubTrigger): string | undefined {
  const commit = details['event.head.sha'] ?? textAt(body, 'pull_request.head.sha');
  return typeof commit === 'string' && /^[\da-f]{40}$/.test(commit) ? commit : undefined;
}
