import type { Checkout } from '../checkout/checkout.js';
import { printable } from '../checkout/printable.js';
import { CiInputError } from '../model.js';
import type { ContextTrigger, GithubTrigger, JsonObject } from '../model.js';
import { detailsOf, missingTexts, ownerOf, refParts } from './details.js';
import { refuseDroppedEvent } from './dropped-event.js';
import { readEventFile } from './event-file.js';
import type { EventFile, FileEvent } from './event-file.js';
import { checkParts, commandIn, eventOf, isWholeEvent, partsIn, partsOver } from './event-parts.js';
import type { EventName, EventParts } from './event-parts.js';
import { MAX_DEPTH, isObject, isTooDeep, laidOver, numberAt, textAt } from './json-paths.js';
import { issueCommentEvent, pullRequestEvent } from './pull-request-event.js';
import { pushEvent, tagEvent } from './push-event.js';
import { releaseEvent } from './release-event.js';

const TASKS_FOR: Readonly<Record<EventName, string>> = {
  push: 'github-push',
  tag: 'github-push',
  'pull-request': 'github-pull-request',
  'pull-request-untrusted': 'github-pull-request-untrusted',
  release: 'github-release',
  'issue-comment': 'github-issue-comment',
};

const SYNTHETIC: Readonly<Record<EventName, (checkout: Checkout, parts: EventParts) => Promise<JsonObject>>> = {
  push: pushEvent,
  tag: tagEvent,
  'pull-request': pullRequestEvent,
  'pull-request-untrusted': pullRequestEvent,
  release: releaseEvent,
  'issue-comment': issueCommentEvent,
};

const LONGEST_WORD = 100;
const LONGEST_TITLE = 300;

/**
 * Makes the event: of the checkout, by default a push; or of a file with an event. What such a file doesn't say comes
 * from the checkout, and `parts` wins over both. Throws a CiInputError for what can't be, and NoTasksForEvent for an
 * event that Taskcluster ignores.
 */
export async function makeTrigger(
  name: EventName | undefined,
  parts: EventParts,
  checkout: Checkout,
  eventFile?: EventFile,
): Promise<GithubTrigger> {
  if (eventFile === undefined) {
    const own = name ?? 'push';
    checkParts(own, parts);
    return triggerOf(own, await SYNTHETIC[own](checkout, parts), checkout);
  }
  const file = readEventFile(eventFile, name);
  checkParts(file.name, parts);
  const body = laidOver(await completed(file, parts, checkout), eventOf(file.name, parts));
  const [missing] = missingTexts(file.name, body);
  if (missing !== undefined) {
    throw new CiInputError(
      `the event ${printable(eventFile.name, LONGEST_WORD)} has no text at "${missing}", which an event "${file.name}" needs`,
    );
  }
  return triggerOf(file.name, withCommand(file.name, body), checkout);
}

/** Lays the event of a file over that of the checkout, unless it says everything itself. */
async function completed({ name, body }: FileEvent, parts: EventParts, checkout: Checkout): Promise<JsonObject> {
  if (missingTexts(name, body).length === 0) return body;
  // A comment comes without its pull request. Whether it counts can be told before the checkout is asked for that.
  if (isWholeEvent(body)) refuseDroppedEvent(name, laidOver(body, eventOf(name, parts)));
  return laidOver(await SYNTHETIC[name](checkout, partsOver(partsIn(body), parts)), body);
}

/** Returns the trigger for a renderer that isn't the github service, with the variables of its template. */
export function contextTrigger(tasksFor: string, context: unknown, fileName: string): ContextTrigger {
  const file = printable(fileName, LONGEST_WORD);
  const word = printable(tasksFor, LONGEST_WORD);
  if (!/^[a-z][\w-]{0,63}$/i.test(tasksFor)) {
    throw new CiInputError(`--tasks-for "${word}" is not the name of a renderer, such as cron or action`);
  }
  if (tasksFor.startsWith('github-')) {
    throw new CiInputError(`--tasks-for ${word} is for an event of GitHub, which has no context: give it with --event`);
  }
  if (!isObject(context)) throw new CiInputError(`the context ${file} is no JSON object with the template's variables`);
  if (isTooDeep(context)) throw new CiInputError(`the context ${file} is nested more than ${MAX_DEPTH} deep`);
  const own = context['tasks_for'];
  if (own !== undefined && own !== tasksFor) {
    throw new CiInputError(`the context ${file} has another "tasks_for" than --tasks-for ${word}: make them the same`);
  }
  return {
    kind: 'context',
    tasksFor,
    title: `${word} with the context ${file}`,
    context: { ...context, tasks_for: tasksFor },
  };
}

/** The service adds the command of a comment to the event. */
function withCommand(name: EventName, body: JsonObject): JsonObject {
  if (name !== 'issue-comment') return body;
  return { ...body, taskcluster_comment: commandIn(textAt(body, 'comment.body') ?? '') ?? null };
}

function triggerOf(name: EventName, body: JsonObject, checkout: Checkout): GithubTrigger {
  refuseDroppedEvent(name, body);
  return {
    kind: 'github',
    tasksFor: TASKS_FOR[name],
    title: printable(titleOf(name, body), LONGEST_TITLE),
    organization: roleName(ownerOf(name, body) ?? ''),
    repository: roleName(textAt(body, 'repository.name') ?? ''),
    host: hostOf(textAt(body, 'repository.html_url')) ?? checkout.host,
    body,
    details: detailsOf(name, body, checkout.user),
  };
}

function titleOf(name: EventName, body: JsonObject): string {
  const text = (path: string): string => textAt(body, path) ?? '';
  const action = text('action');
  const number = numberAt(body, 'number') ?? numberAt(body, 'issue.number') ?? '';
  switch (name) {
    case 'push':
    case 'tag': {
      const ref = refParts(text('ref'));
      return `push ${ref.kind === 'tag' ? 'of tag' : 'to branch'} ${ref.name}`;
    }
    case 'pull-request':
      return `pull request ${number} ${action}: ${text('pull_request.head.ref')} into ${text('pull_request.base.ref')}`;
    case 'pull-request-untrusted':
      return `untrusted pull request ${number} ${action}: ${text('pull_request.head.ref')} into ${text('pull_request.base.ref')}`;
    case 'release':
      return `release ${text('release.tag_name')} ${action}`;
    case 'issue-comment':
      return `comment on pull request ${number} ${action}: /taskcluster ${commandIn(text('comment.body')) ?? ''}`;
  }
}

/** Leaves out what the names of roles can't have. */
function roleName(name: string): string {
  return name.replace(/[^\w./-]/g, '');
}

function hostOf(url: string | undefined): string | undefined {
  return url !== undefined && URL.canParse(url) ? new URL(url).host || undefined : undefined;
}
