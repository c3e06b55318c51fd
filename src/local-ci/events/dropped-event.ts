import { NO_COMMIT } from '../checkout/branches.js';
import type { JsonObject } from '../model.js';
import { commandIn, isPullRequest } from './event-parts.js';
import type { EventName } from './event-parts.js';
import { at, isObject, objectAt, textAt } from './json-paths.js';
import { NoTasksForEvent } from './no-tasks-for-event.js';

const SKIP_WORDS = /\[(?:skip ci|ci skip)\]/i;

/** Throws NoTasksForEvent for an event that Taskcluster's github service drops before it looks at the repository. */
export function refuseDroppedEvent(name: EventName, body: JsonObject): void {
  if (name === 'push' || name === 'tag') refuseDroppedPush(body);
  else if (name === 'issue-comment') refuseDroppedComment(body);
  else if (isPullRequest(name) && SKIP_WORDS.test(textAt(body, 'pull_request.title') ?? '')) {
    throw skipped('the title of the pull request');
  }
}

function refuseDroppedPush(body: JsonObject): void {
  if (SKIP_WORDS.test(pushedMessage(body))) throw skipped('the message of the pushed commit');
  if (textAt(body, 'after') === NO_COMMIT) {
    throw new NoTasksForEvent(
      'the push deletes its branch or tag: there is no commit that Taskcluster could make tasks of',
    );
  }
}

/** Returns the message of the newest commit; empty text if the event has none. */
function pushedMessage(body: JsonObject): string {
  const message = textAt(body, 'head_commit.message');
  if (message) return message;
  const commits = at(body, 'commits');
  const last: unknown = Array.isArray(commits) ? commits.at(-1) : undefined;
  return isObject(last) ? (textAt(last, 'message') ?? '') : '';
}

function skipped(where: string): NoTasksForEvent {
  return new NoTasksForEvent(
    `${where} has [skip ci] or [ci skip], and Taskcluster ignores such events: change the text to get tasks`,
  );
}

function refuseDroppedComment(body: JsonObject): void {
  const action = textAt(body, 'action');
  if (action !== 'created' && action !== 'edited') {
    throw new NoTasksForEvent('Taskcluster makes tasks only of comments that are created or edited: see --action');
  }
  if (objectAt(body, 'issue.pull_request') === undefined) {
    throw new NoTasksForEvent('the comment is on an issue, and Taskcluster makes tasks only of those on pull requests');
  }
  if (textAt(body, 'issue.state') !== 'open') {
    throw new NoTasksForEvent('the pull request is not open, and Taskcluster ignores comments on others');
  }
  if (!commandIn(textAt(body, 'comment.body') ?? '')) {
    throw new NoTasksForEvent('the comment has no line "/taskcluster <command>", and Taskcluster ignores all others');
  }
}
