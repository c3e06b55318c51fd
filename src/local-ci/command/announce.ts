import { checkoutNotes } from '../checkout/checkout-notes.js';
import { eventNotes } from '../events/event-notes.js';
import { printable } from '../graph/printable.js';
import type { CiTrigger, RenderedGraph } from '../model.js';
import type { Prepared } from './prepare.js';

const SHOWN_HOOKS = 10;
const HOOK_LENGTH = 100;
const SHORT_COMMIT = 12;

/** Returns what the user reads before a run: the event, the commit, how many tasks, and what is otherwise here. */
export function announcement(prepared: Prepared): readonly string[] {
  const { checkout, trigger, graph } = prepared;
  const { host, organization, repository } = trigger.kind === 'github' ? trigger : checkout;
  const commit = `${checkout.headCommit.slice(0, SHORT_COMMIT)}${checkout.isDirty ? ' with uncommitted changes' : ''}`;
  const title = `${trigger.title}, ${host}/${organization}/${repository} at ${commit}: ${tasksIn(graph)}`;
  return [title, ...checkoutNotes(checkout), ...notesOn(prepared), ...policyNotes(trigger), ...hookNotes(graph)];
}

function notesOn({ trigger, checkout }: Prepared): readonly string[] {
  return trigger.kind === 'github' ? eventNotes(trigger, checkout) : [];
}

function tasksIn({ tasks }: RenderedGraph): string {
  return tasks.length === 1 ? '1 task' : `${tasks.length} tasks`;
}

const WITH_POLICY = ['github-pull-request', 'github-pull-request-untrusted', 'github-issue-comment'];

function policyNotes({ tasksFor }: CiTrigger): readonly string[] {
  if (!WITH_POLICY.includes(tasksFor)) return [];
  return [
    'Not checked here: the policy of the default branch, which decides whose pull requests and comments have tasks.',
  ];
}

function hookNotes({ hooks }: RenderedGraph): readonly string[] {
  if (hooks.length === 0) return [];
  const names = hooks.slice(0, SHOWN_HOOKS).map(({ name }) => printable(name, HOOK_LENGTH));
  const more = hooks.length > SHOWN_HOOKS ? ` and ${hooks.length - SHOWN_HOOKS} more` : '';
  return [`Not run here, as they are defined in the deployment: the hooks ${names.join(', ')}${more}.`];
}
