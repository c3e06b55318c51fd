const ASSUME = 'assume:';
/** Fills in the open end of a pattern, so that the role is one that the pattern covers. */
const ANY = 'any-role-of-run-task';

/**
 * Returns the ids of roles that a task with these scopes has, one for each of its `assume:` scopes. What the roles of
 * the task's deployment grant is unknown here.
 */
export function assumedRoles(scopes: unknown): readonly string[] {
  if (!Array.isArray(scopes)) return [];
  return scopes.flatMap((scope: unknown) => {
    if (typeof scope !== 'string' || !scope.startsWith(ASSUME)) return [];
    const roleId = scope.slice(ASSUME.length);
    // Every caller has that role: it must not grant more here.
    if (roleId === 'anonymous') return [];
    return [roleId.endsWith('*') ? roleId.slice(0, -1) + ANY : roleId];
  });
}
