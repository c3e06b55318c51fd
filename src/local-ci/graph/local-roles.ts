import { assumedRoles } from '../../local-run/assumed-roles.js';
import type { CiTrigger } from '../model.js';

/** A role of the local Taskcluster. */
export interface LocalRole {
  readonly roleId: string;
  readonly scopes: readonly string[];
}

/**
 * Everything but roles. Whoever has `*` sees nothing else among its scopes, and taskgraph's actions look for their own
 * role there.
 */
const ALL_BUT_ROLES = [
  'auth:*',
  'docker-worker:*',
  'generic-worker:*',
  'github:*',
  'hooks:*',
  'in-tree:*',
  'index:*',
  'notify:*',
  'object:*',
  'project:*',
  'purge-cache:*',
  'queue:*',
  'secrets:*',
  'worker:*',
  'worker-manager:*',
];

/** Returns what roles grant here: everything, because nobody knows what they grant in the deployment. */
export function grantedScopes(trigger: Pick<CiTrigger, 'kind' | 'tasksFor'>): readonly string[] {
  return trigger.kind === 'context' && trigger.tasksFor.endsWith('action') ? ALL_BUT_ROLES : ['*'];
}

/** Returns the roles that the rendered scopes assume, as roles of the local Taskcluster. */
export function localRoles(trigger: CiTrigger, scopes: readonly string[]): readonly LocalRole[] {
  const granted = grantedScopes(trigger);
  const whole =
    trigger.kind === 'github' ? [`repo:${trigger.host}/${trigger.organization}/${trigger.repository}:*`] : [];
  return [...new Set([...whole, ...assumedRoles(scopes)])].map((roleId) => ({ roleId, scopes: granted }));
}
