import type { JsonObject } from '../model.js';

/** Each variable of a task with `extra.github.env`, behind `GITHUB_`, and where its value is found. */
const SOURCES = {
  EVENT: 'event.type',
  BRANCH: 'event.base.repo.branch',
  PULL_REQUEST: 'event.pullNumber',
  PULL_TITLE: 'event.title',
  BASE_REPO_NAME: 'event.base.repo.name',
  BASE_REPO_URL: 'event.base.repo.url',
  BASE_USER: 'event.base.user.login',
  BASE_SHA: 'event.base.sha',
  BASE_BRANCH: 'event.base.repo.branch',
  BASE_REF: 'event.base.ref',
  HEAD_REPO_NAME: 'event.head.repo.name',
  HEAD_REPO_URL: 'event.head.repo.url',
  HEAD_USER: 'event.head.user.login',
  HEAD_SHA: 'event.head.sha',
  HEAD_BRANCH: 'event.head.repo.branch',
  HEAD_TAG: 'event.head.tag',
  HEAD_REF: 'event.head.ref',
  HEAD_USER_EMAIL: 'event.head.user.email',
} as const;

/** Returns the variables that the event has a value for. */
export function githubVariables(details: JsonObject): JsonObject {
  const entries = Object.entries(SOURCES).map(([name, source]) => [`GITHUB_${name}`, details[source]] as const);
  const known = entries.filter(([, value]) => value !== undefined);
  // A variable is a text, and the number of a pull request is none.
  return Object.fromEntries(known.map(([name, value]) => [name, typeof value === 'number' ? String(value) : value]));
}
