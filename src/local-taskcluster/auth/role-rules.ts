import { ApiError } from '../http/api-error.js';
import { PARAMETER, isImplied, parameterized } from './role-match.js';

/** A role's id and the scopes that it grants. */
export interface RoleGrant {
  readonly roleId: string;
  readonly scopes: readonly string[];
}

/** Throws InputError for scopes that must not be granted. */
export function checkScopes(scopes: readonly string[]): void {
  const wrong = scopes.find((scope) => scope.endsWith('**'));
  if (wrong !== undefined) throw new ApiError('InputError', `Scopes must not end with **, as ${wrong} does.`);
}

/**
 * Throws InputError if the role must not be added to the others or replace one of them: its scopes are invalid, or it
 * leads back to itself, so that expanding it would never end.
 */
export function checkRole(role: RoleGrant, others: Iterable<RoleGrant>): void {
  checkScopes(role.scopes);
  if (role.roleId.endsWith('*')) checkParameters(role.scopes);
  const roles = new Map([...others].map((other) => [other.roleId, other])).set(role.roleId, role);
  const cycle = cycleFrom(role, roles);
  if (cycle) {
    const names = cycle.map((roleId) => `assume:${roleId}`).join(' -> ');
    throw new ApiError('InputError', `A role must not lead back to itself, as it would here: ${names}.`);
  }
}

function checkParameters(scopes: readonly string[]): void {
  for (const scope of scopes) {
    const [before = '', ...after] = scope.split(PARAMETER);
    if (after.length > 1) throw new ApiError('InputError', `The scope ${scope} has ${PARAMETER} more than once.`);
    if (after[0] === '' && before.endsWith('*')) {
      throw new ApiError('InputError', `The scope ${scope} has a star before ${PARAMETER}: it could mean anything.`);
    }
  }
}

/** Returns the roles that lead from this one back to itself, in order; undefined when there is no such cycle. */
function cycleFrom(start: RoleGrant, roles: ReadonlyMap<string, RoleGrant>): readonly string[] | undefined {
  const seen = new Set<string>();
  const follow = (role: RoleGrant): readonly string[] | undefined => {
    for (const next of impliedBy(role, roles)) {
      if (next.roleId === start.roleId) return [role.roleId, next.roleId];
      if (seen.has(next.roleId)) continue;
      seen.add(next.roleId);
      const rest = follow(next);
      if (rest) return [role.roleId, ...rest];
    }
    return undefined;
  };
  return follow(start);
}

/**
 * Returns the roles that this role implies, whatever its star stands for. A lone star is not followed: a client that
 * has all scopes needs no roles for them.
 */
function impliedBy({ roleId, scopes }: RoleGrant, roles: ReadonlyMap<string, RoleGrant>): readonly RoleGrant[] {
  const granted = roleId.endsWith('*') ? scopes.map((scope) => parameterized(scope, '*')) : scopes;
  const followed = granted.filter((scope) => scope !== '*');
  return [...roles.values()].filter((other) => followed.some((scope) => isImplied(scope, other.roleId)));
}
