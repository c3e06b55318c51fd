import { printable } from '../checkout/printable.js';
import { CiInputError } from '../model.js';
import type { JsonObject } from '../model.js';
import { numberAt, objectAt, textAt } from './json-paths.js';

export type EventName = 'push' | 'tag' | 'pull-request' | 'pull-request-untrusted' | 'release' | 'issue-comment';

/** What the command line says about the event; the checkout tells the rest. */
export interface EventParts {
  readonly branch?: string | undefined;
  readonly tag?: string | undefined;
  /** The branch that the pull request is for. */
  readonly base?: string | undefined;
  /** What happened to the pull request, release or comment: `opened`, `published`. */
  readonly action?: string | undefined;
  /** The number of the pull request. */
  readonly number?: number | undefined;
  /** What stands behind `/taskcluster` in the comment, or the whole comment. */
  readonly comment?: string | undefined;
  /** The login of the user who did it. */
  readonly actor?: string | undefined;
}

type PartName = keyof EventParts;

const OF_PULL_REQUEST: readonly PartName[] = ['branch', 'base', 'action', 'number', 'actor'];
const PARTS: Readonly<Record<EventName, readonly PartName[]>> = {
  push: ['branch', 'actor'],
  tag: ['tag', 'actor'],
  'pull-request': OF_PULL_REQUEST,
  'pull-request-untrusted': OF_PULL_REQUEST,
  release: ['tag', 'branch', 'action', 'actor'],
  'issue-comment': [...OF_PULL_REQUEST, 'comment'],
};
const LONGEST_TEXT = 200;
const COMMAND = '/taskcluster';
const LINE_BREAK = /[\n\r\u2028\u2029]/;

/** Throws a CiInputError for a part that the event doesn't have, or that can't be right. */
export function checkParts(name: EventName, parts: EventParts): void {
  for (const part of given(parts)) {
    if (!PARTS[name].includes(part)) {
      const options = PARTS[name].map((each) => `--${each}`).join(', ');
      throw new CiInputError(`--${part} says nothing about the event "${name}", which has ${options}`);
    }
  }
  const { action, number, actor, comment } = parts;
  if (number !== undefined && !(Number.isSafeInteger(number) && number > 0)) {
    throw new CiInputError(`--number ${number} can't be the number of a pull request: give a whole number above 0`);
  }
  requireForm('action', action, /^[a-z][a-z_]{0,49}$/, 'a word of lower case letters such as "opened"');
  requireForm('actor', actor, /^[\w.-]{1,100}(?:\[bot\])?$/, 'the name of an account');
  requireForm('comment', comment, /\S/, 'the text behind "/taskcluster"');
}

function requireForm(part: PartName, value: string | undefined, form: RegExp, meaning: string): void {
  if (value === undefined || form.test(value)) return;
  throw new CiInputError(`--${part} "${printable(value, LONGEST_TEXT)}" can't be right: it is ${meaning}`);
}

function given(parts: EventParts): readonly PartName[] {
  return (Object.keys(parts) as PartName[]).filter((part) => parts[part] !== undefined);
}

/** Returns the parts that an event, or a piece of one, tells. */
export function partsIn(body: JsonObject): EventParts {
  const ref = textAt(body, 'ref') ?? '';
  return {
    branch:
      after('refs/heads/', ref) ?? textAt(body, 'pull_request.head.ref') ?? textAt(body, 'release.target_commitish'),
    tag: after('refs/tags/', ref) ?? textAt(body, 'release.tag_name'),
    base: textAt(body, 'pull_request.base.ref'),
    action: textAt(body, 'action'),
    number: ['number', 'pull_request.number', 'issue.number'].map((path) => numberAt(body, path)).find(Boolean),
    comment: textAt(body, 'comment.body'),
    actor: textAt(body, 'sender.login'),
  };
}

function after(prefix: string, text: string): string | undefined {
  return text.startsWith(prefix) ? text.slice(prefix.length) : undefined;
}

/** Returns the parts of both; those of `over` win. */
export function partsOver(parts: EventParts, over: EventParts): EventParts {
  return { ...parts, ...Object.fromEntries(given(over).map((part) => [part, over[part]])) };
}

/** Returns the piece of an event that says the same as `parts`: the command line wins over a file. */
export function eventOf(name: EventName, parts: EventParts): JsonObject {
  const { action, actor } = parts;
  return {
    ...(action === undefined ? {} : { action }),
    ...(actor === undefined ? {} : { sender: { login: actor } }),
    ...ownPiece(name, parts),
  };
}

function ownPiece(name: EventName, parts: EventParts): JsonObject {
  const { branch, tag, number, comment, actor } = parts;
  switch (name) {
    case 'push':
    case 'tag': {
      const ref = name === 'tag' ? tag && `refs/tags/${tag}` : branch && `refs/heads/${branch}`;
      return { ...(ref && { ref }), ...(actor && { pusher: { name: actor } }) };
    }
    case 'pull-request':
    case 'pull-request-untrusted':
      return { ...(number && { number }), ...pullRequestPiece(parts) };
    case 'release':
      return { release: { ...(tag && { tag_name: tag }), ...(branch && { target_commitish: branch }) } };
    case 'issue-comment':
      return {
        ...(number && { issue: { number } }),
        ...(comment && { comment: { body: commentText(comment) } }),
        ...pullRequestPiece(parts),
      };
  }
}

function pullRequestPiece({ branch, base, number }: EventParts): JsonObject {
  const piece = {
    ...(number && { number }),
    ...(branch && { head: { ref: branch } }),
    ...(base && { base: { ref: base } }),
  };
  return Object.keys(piece).length === 0 ? {} : { pull_request: piece };
}

/** Returns the text of a comment that gives the command: what already is one stays as it is. */
export function commentText(comment: string): string {
  return commandIn(comment) === undefined ? `/taskcluster ${comment.trim()}` : comment;
}

/**
 * Returns what stands behind `/taskcluster`, which begins a line, up to the end of the line; where it is alone on its
 * line, the next line that isn't empty. Undefined if there is none. A comment may be nothing but line breaks: it isn't
 * taken apart.
 */
export function commandIn(comment: string): string | undefined {
  for (let at = comment.indexOf(COMMAND); at >= 0; at = comment.indexOf(COMMAND, at + COMMAND.length)) {
    const rest = comment.slice(at + COMMAND.length);
    if (!/^\s/.test(rest) || !beginsLine(comment, at)) continue;
    const words = rest.trimStart();
    const end = words.search(LINE_BREAK);
    return (end < 0 ? words : words.slice(0, end)).trim() || undefined;
  }
  return undefined;
}

function beginsLine(text: string, at: number): boolean {
  let before = at - 1;
  while (before >= 0 && !LINE_BREAK.test(text.charAt(before))) {
    if (!/\s/.test(text.charAt(before))) return false;
    before -= 1;
  }
  return true;
}

/** Whether it is a webhook about a pull request, by either name. */
export function isPullRequest(name: EventName): boolean {
  return name === 'pull-request' || name === 'pull-request-untrusted';
}

/** Whether a file with `body` leaves the event to be guessed although it is a whole one. */
export function isWholeEvent(body: JsonObject): boolean {
  return objectAt(body, 'repository') !== undefined && objectAt(body, 'sender') !== undefined;
}
