import { printable } from '../checkout/printable.js';
import { CiInputError } from '../model.js';
import type { JsonObject } from '../model.js';
import { isPullRequest, isWholeEvent } from './event-parts.js';
import type { EventName } from './event-parts.js';
import { MAX_DEPTH, isObject, isTooDeep, textAt } from './json-paths.js';
import { NoTasksForEvent } from './no-tasks-for-event.js';

/** A file with an event, whole or in part, as parsed; `name` is for messages. */
export interface EventFile {
  readonly content: unknown;
  readonly name: string;
}

export interface FileEvent {
  readonly name: EventName;
  readonly body: JsonObject;
}

const LONGEST_NAME = 200;
const LONGEST_KIND = 50;
const KINDS = 'push, pull_request, release and issue_comment';

/** The kinds of webhooks, as GitHub names them, of which there can be tasks. */
const NAMES: Readonly<Record<string, EventName>> = {
  push: 'push',
  pull_request: 'pull-request',
  release: 'release',
  issue_comment: 'issue-comment',
};

/**
 * Reads the body of a webhook, or `{ headers, body }` as recorded ones have it. `named` is what the command line calls
 * the event; without it, the headers or the content tell, and for a piece of an event it is a push. Throws a
 * CiInputError for what isn't an event, and NoTasksForEvent for an event of another kind.
 */
export function readEventFile(file: EventFile, named: EventName | undefined): FileEvent {
  const name = printable(file.name, LONGEST_NAME);
  if (!isObject(file.content)) throw new CiInputError(`the event ${name} is no JSON object, as a webhook's body is`);
  if (isTooDeep(file.content)) {
    throw new CiInputError(`the event ${name} is nested more than ${MAX_DEPTH} deep: no event of GitHub is`);
  }
  const { body, header } = openedFile(file.content, name);
  const found = header === undefined ? kindOf(body, name) : nameOf(header, name);
  if (found === undefined && named === undefined && isWholeEvent(body)) {
    throw new CiInputError(
      `the content of ${name} doesn't tell what kind of event it is: name it, as in "local-ci push -e ${name}"`,
    );
  }
  return { name: agreed(named, withTag(found, body), name), body };
}

function openedFile(content: JsonObject, name: string): { readonly body: JsonObject; readonly header?: string } {
  const { headers, body } = content;
  if (!isObject(headers) || body === undefined) return { body: content };
  if (!isObject(body)) throw new CiInputError(`the event ${name} has headers, but its "body" is no JSON object`);
  const [, header] = Object.entries(headers).find(([key]) => key.toLowerCase() === 'x-github-event') ?? [];
  return typeof header === 'string' ? { body, header } : { body };
}

function nameOf(header: string, file: string): EventName {
  const name = Object.hasOwn(NAMES, header) ? NAMES[header] : undefined;
  if (name === undefined) throw noTasksFor(header, file);
  return name;
}

function noTasksFor(kind: string, file: string): NoTasksForEvent {
  return new NoTasksForEvent(
    `${file} is an event of the kind "${printable(kind, LONGEST_KIND)}": Taskcluster makes tasks only of ${KINDS} events`,
  );
}

/** Tells the kind by the properties that no other kind has. */
function kindOf(body: JsonObject, file: string): EventName | undefined {
  const has = (...keys: readonly string[]): boolean => keys.every((key) => Object.hasOwn(body, key));
  if (has('comment', 'issue')) return 'issue-comment';
  if (has('pull_request', 'number')) return 'pull-request';
  if (has('release')) return 'release';
  if (has('ref', 'after')) return 'push';
  if (has('check_run')) throw noTasksFor('check_run', file);
  if (has('check_suite')) throw noTasksFor('check_suite', file);
  if (has('zen')) throw noTasksFor('ping', file);
  // Every event of an app has an installation; that of an installation has hardly anything else.
  if (has('installation') && !has('repository') && !has('ref')) throw noTasksFor('installation', file);
  return undefined;
}

function withTag(name: EventName | undefined, body: JsonObject): EventName | undefined {
  const isTag = textAt(body, 'ref')?.startsWith('refs/tags/') ?? false;
  return isTag && (name === 'push' || name === undefined) ? 'tag' : name;
}

function agreed(named: EventName | undefined, found: EventName | undefined, file: string): EventName {
  if (named === undefined || found === undefined) return named ?? found ?? 'push';
  if (named === found || (named === 'push' && found === 'tag')) return found;
  if (isPullRequest(named) && isPullRequest(found)) return named;
  throw new CiInputError(`${file} is an event "${found}", not "${named}": leave the word out, or take another file`);
}
