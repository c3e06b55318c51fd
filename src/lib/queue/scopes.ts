/** Scopes a task needs: a scope, or all or any of several expressions (Taskcluster's scope expressions). */
export type ScopeExpression =
  string | { readonly AllOf: readonly ScopeExpression[] } | { readonly AnyOf: readonly ScopeExpression[] };

/** A scope for every worker, or the same for the workers of this one's pool alone. */
export function orForPool(
  scope: string,
  { provisionerId, workerType }: { readonly provisionerId: string; readonly workerType: string },
): ScopeExpression {
  return { AnyOf: [scope, `${scope}:${provisionerId}/${workerType}`] };
}

/** True when the scopes a task has (a trailing `*` stands for anything) are enough. */
export function satisfies(scopes: readonly string[], needed: ScopeExpression): boolean {
  if (typeof needed === 'string') return scopes.some((scope) => grants(scope, needed));
  if ('AllOf' in needed) return needed.AllOf.every((part) => satisfies(scopes, part));
  return needed.AnyOf.some((part) => satisfies(scopes, part));
}

function grants(scope: string, needed: string): boolean {
  return scope.endsWith('*') ? needed.startsWith(scope.slice(0, -1)) : scope === needed;
}

/** The scopes of the expression that `scopes` does not grant. */
export function missingScopes(scopes: readonly string[], needed: ScopeExpression): readonly string[] {
  if (satisfies(scopes, needed)) return [];
  if (typeof needed === 'string') return [needed];
  const parts = 'AllOf' in needed ? needed.AllOf : needed.AnyOf;
  return parts.flatMap((part) => missingScopes(scopes, part));
}
