import { noreplyAddress } from '../checkout/identity.js';
import type { Identity } from '../checkout/identity.js';
import { CiInputError } from '../model.js';
import type { JsonObject } from '../model.js';
import { commandIn } from './event-parts.js';
import type { EventName } from './event-parts.js';
import { at, textAt } from './json-paths.js';

const OF_PULL_REQUEST = [
  'action',
  ...['base', 'head'].flatMap((side) =>
    ['ref', 'sha', 'repo.name', 'repo.clone_url', 'user.login'].map((path) => `pull_request.${side}.${path}`),
  ),
];
const OF_PUSH = ['ref', 'before', 'after', 'repository.clone_url'];

/** The texts without which there are no tasks of an event. */
const REQUIRED: Readonly<Record<EventName, readonly string[]>> = {
  push: OF_PUSH,
  tag: OF_PUSH,
  'pull-request': OF_PULL_REQUEST,
  'pull-request-untrusted': OF_PULL_REQUEST,
  release: ['action', 'release.tag_name', 'release.target_commitish', 'repository.clone_url'],
  'issue-comment': [...OF_PULL_REQUEST, 'comment.body'],
};
const ALWAYS_REQUIRED = ['repository.name', 'sender.login'];

/** Returns the paths of the texts that an event of this kind has to have, and `body` hasn't. */
export function missingTexts(name: EventName, body: JsonObject): readonly string[] {
  const missing = [...ALWAYS_REQUIRED, ...REQUIRED[name]].filter((path) => textAt(body, path) === undefined);
  return ownerOf(name, body) === undefined ? [...missing, 'repository.owner.login'] : missing;
}

/** Returns the owner of the repository, whom pushes call by another property than the other events. */
export function ownerOf(name: EventName, body: JsonObject): string | undefined {
  const [login, ownName] = [textAt(body, 'repository.owner.login'), textAt(body, 'repository.owner.name')];
  return name === 'push' || name === 'tag' ? (ownName ?? login) : (login ?? ownName);
}

/**
 * Returns the facts that version 0 substitutes, with keys such as `event.head.sha`. What the event doesn't have is left
 * out. Throws a CiInputError for a push to something that is neither branch nor tag.
 */
export function detailsOf(name: EventName, body: JsonObject, user: Identity): JsonObject {
  const login = textAt(body, 'sender.login') ?? '';
  const facts: JsonObject = {
    ...ownFacts(name, body),
    'event.head.user.login': login,
    'event.head.user.email': login === user.login ? user.email : noreplyAddress(login),
  };
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined));
}

function ownFacts(name: EventName, body: JsonObject): JsonObject {
  switch (name) {
    case 'push':
    case 'tag':
      return pushFacts(body);
    case 'pull-request':
    case 'pull-request-untrusted':
      return pullRequestFacts(body);
    case 'release':
      return releaseFacts(body);
    case 'issue-comment':
      return {
        'event.type': `issue_comment.${textAt(body, 'action') ?? ''}`,
        taskcluster_comment: commandIn(textAt(body, 'comment.body') ?? ''),
      };
  }
}

function pushFacts(body: JsonObject): JsonObject {
  const ref = textAt(body, 'ref') ?? '';
  const { kind, name } = refParts(ref);
  const repository = { name: at(body, 'repository.name'), url: at(body, 'repository.clone_url') };
  return {
    'event.base.ref': ref,
    'event.base.repo.name': repository.name,
    'event.base.repo.url': repository.url,
    'event.base.sha': at(body, 'before'),
    'event.base.user.login': at(body, 'sender.login'),
    'event.head.ref': ref,
    'event.head.repo.name': repository.name,
    'event.head.repo.url': repository.url,
    'event.head.sha': at(body, 'after'),
    'event.head.user.id': at(body, 'sender.id'),
    'event.type': kind === 'tag' ? 'tag' : 'push',
    ...(kind === 'tag'
      ? { 'event.head.tag': name }
      : { 'event.base.repo.branch': name, 'event.head.repo.branch': name }),
  };
}

/** Returns what a ref names. Throws a CiInputError for anything but a branch or a tag. */
export function refParts(ref: string): { readonly kind: 'branch' | 'tag'; readonly name: string } {
  for (const [prefix, kind] of [['refs/heads/', 'branch'] as const, ['refs/tags/', 'tag'] as const]) {
    if (ref.startsWith(prefix) && ref.length > prefix.length) return { kind, name: ref.slice(prefix.length) };
  }
  throw new CiInputError('the "ref" of the event names neither a branch (refs/heads/…) nor a tag (refs/tags/…)');
}

function pullRequestFacts(body: JsonObject): JsonObject {
  const side = (name: 'base' | 'head'): JsonObject => ({
    [`event.${name}.ref`]: `refs/heads/${textAt(body, `pull_request.${name}.ref`) ?? ''}`,
    [`event.${name}.repo.branch`]: at(body, `pull_request.${name}.ref`),
    [`event.${name}.repo.name`]: at(body, `pull_request.${name}.repo.name`),
    [`event.${name}.repo.url`]: at(body, `pull_request.${name}.repo.clone_url`),
    [`event.${name}.sha`]: at(body, `pull_request.${name}.sha`),
  });
  return {
    ...side('base'),
    'event.base.user.login': at(body, 'pull_request.base.user.login'),
    ...side('head'),
    'event.head.user.id': at(body, 'sender.id'),
    'event.pullNumber': at(body, 'number'),
    'event.title': at(body, 'pull_request.title'),
    'event.type': `pull_request.${textAt(body, 'action') ?? ''}`,
  };
}

function releaseFacts(body: JsonObject): JsonObject {
  return {
    'event.type': 'release',
    'event.base.repo.branch': at(body, 'release.target_commitish'),
    'event.head.user.id': at(body, 'sender.id'),
    'event.version': at(body, 'release.tag_name'),
    'event.name': at(body, 'release.name'),
    'event.head.repo.name': at(body, 'repository.name'),
    'event.head.repo.url': at(body, 'repository.clone_url'),
    'event.release.url': at(body, 'release.url'),
    'event.prerelease': at(body, 'release.prerelease'),
    'event.draft': at(body, 'release.draft'),
    'event.tar': at(body, 'release.tarball_url'),
    'event.zip': at(body, 'release.zipball_url'),
  };
}
