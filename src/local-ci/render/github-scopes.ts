import type { GithubTrigger } from '../model.js';
import { SCHEDULER_ID } from './github-task.js';
import type { ReportingRoute } from './github-task.js';
import { isTag } from './push-ref.js';

/** Returns the scopes with which the github service creates the tasks of a file of version 1. */
export function scopesOfVersion1(trigger: GithubTrigger, route: ReportingRoute): readonly string[] {
  return [...rolesOf(trigger, roleOfVersion1(trigger)), ...ownScopes(route)];
}

/** Returns the same for a file of version 0: comments have no role there, and releases the one of their publishing. */
export function scopesOfVersion0(trigger: GithubTrigger): readonly string[] {
  return [...rolesOf(trigger, roleOfVersion0(trigger)), ...ownScopes('statuses')];
}

function rolesOf({ host, organization, repository }: GithubTrigger, role: string | undefined): readonly string[] {
  return role === undefined ? [] : [`assume:repo:${host}/${organization}/${repository}:${role}`];
}

function ownScopes(route: ReportingRoute): readonly string[] {
  return [`queue:route:${route}`, `queue:scheduler-id:${SCHEDULER_ID}`];
}

/** What the role of a push, a pull request or a release is called within those of its repository. */
function roleOfVersion1({ tasksFor, body, details }: GithubTrigger): string | undefined {
  switch (tasksFor) {
    case 'github-push':
      return isTag(body['ref']) ? tagRole(details) : branchRole(details);
    case 'github-pull-request':
    case 'github-issue-comment':
      return 'pull-request';
    case 'github-pull-request-untrusted':
      return 'pull-request-untrusted';
    case 'github-release':
      return `release:${text(body['action']) || 'published'}`;
    default:
      return undefined;
  }
}

function roleOfVersion0({ tasksFor, details }: GithubTrigger): string | undefined {
  if (tasksFor === 'github-pull-request') return 'pull-request';
  if (tasksFor === 'github-pull-request-untrusted') return 'pull-request-untrusted';
  switch (details['event.type']) {
    case 'push':
      return branchRole(details);
    case 'tag':
      return tagRole(details);
    case 'release':
      return 'release:published';
    default:
      return undefined;
  }
}

function branchRole(details: GithubTrigger['details']): string {
  return `branch:${text(details['event.base.repo.branch'])}`;
}

function tagRole(details: GithubTrigger['details']): string {
  return `tag:${text(details['event.head.tag'])}`;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
