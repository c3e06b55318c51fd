const ROLE_PREFIX = 'assume:';
const PARAMETER = '<..>';

/**
 * Roles and the scopes they grant. `assume:<roleId>` stands for the scopes of that role; a role id may end with `*`, and
 * `<..>` in its scopes is then replaced by what the star stood for.
 */
export class RoleTable {
  readonly #roles = new Map<string, readonly string[]>();

  set(roleId: string, scopes: readonly string[]): void {
    this.#roles.set(roleId, scopes);
  }

  /** All scopes that follow from these, sorted, without those that others of them cover. */
  expand(scopes: readonly string[]): readonly string[] {
    const found = new Set<string>();
    const open = [...scopes];
    for (let scope = open.pop(); scope !== undefined; scope = open.pop()) {
      if (found.has(scope)) continue;
      found.add(scope);
      open.push(...this.#impliedBy(scope));
    }
    return normalize(found);
  }

  #impliedBy(scope: string): readonly string[] {
    const implied: string[] = [];
    for (const [roleId, granted] of this.#roles) {
      const parameter = matchRole(scope, roleId);
      if (parameter !== undefined) implied.push(...granted.map((one) => substitute(one, parameter)));
    }
    return implied;
  }
}

/** What `<..>` stands for under this scope in the scopes of the role; undefined when the role is not granted. */
function matchRole(scope: string, roleId: string): string | undefined {
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

function substitute(scope: string, parameter: string): string {
  const at = scope.indexOf(PARAMETER);
  if (at < 0) return scope;
  // A parameter that is itself a pattern swallows what follows: a star counts at the end only.
  return scope.slice(0, at) + parameter + (parameter.endsWith('*') ? '' : scope.slice(at + PARAMETER.length));
}

function normalize(scopes: ReadonlySet<string>): readonly string[] {
  const kept: string[] = [];
  let prefix: string | undefined;
  // Without its star, a pattern stands right in front of all that it covers.
  for (const scope of [...scopes].sort((a, b) => compare(start(a), start(b)) || compare(b, a))) {
    if (prefix !== undefined && scope.startsWith(prefix)) continue;
    kept.push(scope);
    if (scope.endsWith('*')) prefix = start(scope);
  }
  return kept.sort();
}

function start(scope: string): string {
  return scope.endsWith('*') ? scope.slice(0, -1) : scope;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
