const ASSUME = 'assume:';
/** Completes what a pattern leaves open, so that the role is one that the pattern covers. */
const ANY = 'any-role-of-run-task';

/**
 * The ids of roles that a task with these scopes has, one for each of its `assume:` scopes. What the roles of the
 * task's deployment grant is not known here.
 */
export function assumedRoles(scopes: unknown): readonly string[] {
  if (!Array.isArray(scopes)) return [];
  return scopes.flatMap((scope: unknown) => {
    if (typeof scope !== 'string' || !scope.startsWith(ASSUME)) return [];
    const roleId = scope.slice(ASSUME.length);
    // Everybody has that one: it must not come to grant more here.
    if (roleId === 'anonymous') return [];
    return [roleId.endsWith('*') ? roleId.slice(0, -1) + ANY : roleId];
  });
}
