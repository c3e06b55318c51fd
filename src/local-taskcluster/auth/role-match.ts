const ROLE_PREFIX = 'assume:';

/** What a role's scopes have in the place of that which the star in its id stood for. */
export const PARAMETER = '<..>';

/** What `<..>` stands for under this scope in the scopes of the role; undefined when the role is not granted. */
export function matchRole(scope: string, roleId: string): string | undefined {
  const role = ROLE_PREFIX + roleId;
  if (!roleId.endsWith('*')) {
    const granted = scope.endsWith('*') ? role.startsWith(scope.slice(0, -1)) : role === scope;
    // Nothing stands for a parameter here: it is put back as it is.
    return granted ? PARAMETER : undefined;
  }
  const base = role.slice(0, -1);
  if (scope.startsWith(base)) return scope.slice(base.length);
  return scope.endsWith('*') && base.startsWith(scope.slice(0, -1)) ? '*' : undefined;
}

/** Whether whoever has the scope has the role. */
export function isImplied(scope: string, roleId: string): boolean {
  return matchRole(scope, roleId) !== undefined;
}

/** The scope with the parameter in its place. */
export function parameterized(scope: string, parameter: string): string {
  const at = scope.indexOf(PARAMETER);
  if (at < 0) return scope;
  // A parameter that is itself a pattern swallows what follows: a star counts at the end only.
  return scope.slice(0, at) + parameter + (parameter.endsWith('*') ? '' : scope.slice(at + PARAMETER.length));
}
