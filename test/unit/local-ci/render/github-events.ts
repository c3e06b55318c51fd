import type { GithubTrigger, JsonObject } from '../../../../src/local-ci/model.js';

/** The repository of all events; roles and URLs are made of its names. */
export const ORGANIZATION = 'example-org';
export const REPOSITORY = 'widget';
export const HEAD = '1'.repeat(40);
export const BASE = '2'.repeat(40);

const HTML = `https://github.com/${ORGANIZATION}/${REPOSITORY}`;
const API = `https://api.github.com/repos/${ORGANIZATION}/${REPOSITORY}`;
const SENDER = { login: 'alice', id: 7, type: 'User' };

const repository = (url: string): JsonObject => ({
  id: 1,
  name: REPOSITORY,
  full_name: `${ORGANIZATION}/${REPOSITORY}`,
  owner: { login: ORGANIZATION, name: ORGANIZATION, id: 1, type: 'Organization' },
  html_url: HTML,
  clone_url: `${HTML}.git`,
  git_url: `git://github.com/${ORGANIZATION}/${REPOSITORY}.git`,
  ssh_url: `git@github.com:${ORGANIZATION}/${REPOSITORY}.git`,
  url,
  default_branch: 'main',
  private: false,
  fork: false,
});

const COMMON = { sender: SENDER, installation: { id: 0 } };

const pushBody = (ref: string): JsonObject => ({
  ref,
  before: BASE,
  after: HEAD,
  base_ref: null,
  created: false,
  deleted: false,
  forced: false,
  compare: `${HTML}/compare/${BASE.slice(0, 12)}...${HEAD.slice(0, 12)}`,
  commits: [],
  head_commit: { id: HEAD, message: 'Polish the widget', timestamp: '2026-11-30T12:00:00+01:00' },
  pusher: { name: 'alice', email: 'alice@example.com' },
  repository: repository(HTML),
  ...COMMON,
});

const side = (ref: string, sha: string): JsonObject => ({
  ref,
  sha,
  label: `${ORGANIZATION}:${ref}`,
  user: { login: ORGANIZATION },
  repo: repository(API),
});

const pullRequest = (head: string): JsonObject => ({
  number: 12,
  state: 'open',
  draft: false,
  merged: false,
  title: 'Polish the widget',
  body: 'It shines now.',
  url: `${API}/pulls/12`,
  html_url: `${HTML}/pull/12`,
  labels: [],
  user: SENDER,
  head: side(head, HEAD),
  base: side('main', BASE),
});

const USER_FACTS = { 'event.head.user.login': 'alice', 'event.head.user.email': 'alice@example.com' };

const refDetails = (ref: string): JsonObject => ({
  'event.base.ref': ref,
  'event.base.repo.name': REPOSITORY,
  'event.base.repo.url': `${HTML}.git`,
  'event.base.sha': BASE,
  'event.base.user.login': 'alice',
  'event.head.ref': ref,
  'event.head.repo.name': REPOSITORY,
  'event.head.repo.url': `${HTML}.git`,
  'event.head.sha': HEAD,
  ...USER_FACTS,
});

const trigger = (tasksFor: string, title: string, body: JsonObject, details: JsonObject): GithubTrigger => ({
  kind: 'github',
  tasksFor,
  title,
  organization: ORGANIZATION,
  repository: REPOSITORY,
  host: 'github.com',
  body,
  details,
});

export function push(branch = 'main'): GithubTrigger {
  const ref = `refs/heads/${branch}`;
  const branches = { 'event.base.repo.branch': branch, 'event.head.repo.branch': branch };
  const details = { ...refDetails(ref), ...branches, 'event.type': 'push' };
  return trigger('github-push', `push to branch ${branch}`, pushBody(ref), details);
}

export function tag(name = 'v1.0'): GithubTrigger {
  const ref = `refs/tags/${name}`;
  const details = { ...refDetails(ref), 'event.head.tag': name, 'event.type': 'tag' };
  const body = { ...pushBody(ref), before: '0'.repeat(40), created: true };
  return trigger('github-push', `push of tag ${name}`, body, details);
}

export function pullRequestOf(head = 'polish', action = 'opened'): GithubTrigger {
  const body = { action, number: 12, pull_request: pullRequest(head), repository: repository(API), ...COMMON };
  const details = {
    ...refDetails(`refs/heads/${head}`),
    'event.base.ref': 'refs/heads/main',
    'event.base.repo.branch': 'main',
    'event.head.repo.branch': head,
    'event.pullNumber': 12,
    'event.title': 'Polish the widget',
    'event.type': `pull_request.${action}`,
  };
  return trigger('github-pull-request', `pull request 12 ${action}`, body, details);
}

export function untrusted(): GithubTrigger {
  return { ...pullRequestOf(), tasksFor: 'github-pull-request-untrusted', title: 'untrusted pull request 12 opened' };
}

export function release(action = 'published'): GithubTrigger {
  const facts = { tag_name: 'v1.0', target_commitish: 'main', name: 'One', body: '', draft: false, prerelease: false };
  const urls = { url: `${API}/releases/1`, tarball_url: `${API}/tarball/v1.0`, zipball_url: `${API}/zipball/v1.0` };
  const body = { action, release: { ...facts, ...urls }, repository: repository(API), ...COMMON };
  const details = {
    'event.type': 'release',
    'event.base.repo.branch': 'main',
    'event.version': 'v1.0',
    'event.name': 'One',
    'event.head.repo.name': REPOSITORY,
    'event.head.repo.url': `${HTML}.git`,
    'event.release.url': `${API}/releases/1`,
    'event.prerelease': false,
    'event.draft': false,
    'event.tar': urls.tarball_url,
    'event.zip': urls.zipball_url,
    ...USER_FACTS,
  };
  return trigger('github-release', `release v1.0 ${action}`, body, details);
}

export function comment(command = 'try'): GithubTrigger {
  const body = {
    action: 'created',
    issue: {
      number: 12,
      state: 'open',
      title: 'Polish the widget',
      user: SENDER,
      labels: [],
      pull_request: { url: API },
    },
    comment: { id: 3, body: `/taskcluster ${command}`, user: SENDER },
    pull_request: pullRequest('polish'),
    taskcluster_comment: command,
    repository: repository(API),
    ...COMMON,
  };
  const details = { 'event.type': 'issue_comment.created', taskcluster_comment: command, ...USER_FACTS };
  return trigger('github-issue-comment', 'comment on pull request 12', body, details);
}

/** Each kind of event once. */
export const EVENTS = {
  push: push(),
  tag: tag(),
  pullRequest: pullRequestOf(),
  untrusted: untrusted(),
  release: release(),
  comment: comment(),
} as const;
