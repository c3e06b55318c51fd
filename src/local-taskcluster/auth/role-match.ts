const ROLE_PREFIX = 'assume:';

/** The placeholder in a role's scopes for the text that the star in the role's id matched. */
export const PARAMETER = '<..>';

/** Returns what `<..>` stands for when this scope grants the role; undefined when it does not grant it. */
export function matchRole(scope: string, roleId: string): string | undefined {
  const role = ROLE_PREFIX + roleId;
  if (!roleId.endsWith('*')) {
    const granted = scope.endsWith('*') ? role.startsWith(scope.slice(0, -1)) : role === scope;
    // The parameter has no value here, so it stays as it is.
    return granted ? PARAMETER : undefined;
  }
  const base = role.slice(0, -1);
  if (scope.startsWith(base)) return scope.slice(base.length);
  return scope.endsWith('*') && base.startsWith(scope.slice(0, -1)) ? '*' : undefined;
}

/** Returns whether the scope grants the role. */
export function isImplied(scope: string, roleId: string): boolean {
  return matchRole(scope, roleId) !== undefined;
}

/** Returns the scope with the parameter filled in. */
export function parameterized(scope: string, parameter: string): string {
  const at = scope.indexOf(PARAMETER);
  if (at < 0) return scope;
  // A parameter that is itself a pattern replaces the rest of the scope: a star has a meaning only at the end.
  return scope.slice(0, at) + parameter + (parameter.endsWith('*') ? '' : scope.slice(at + PARAMETER.length));
}
