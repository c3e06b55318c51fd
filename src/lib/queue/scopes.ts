/** Scopes that a task needs: one scope, or all or any of several expressions (Taskcluster's scope expressions). */
export type ScopeExpression =
  string | { readonly AllOf: readonly ScopeExpression[] } | { readonly AnyOf: readonly ScopeExpression[] };

/** Returns an expression for a scope on every worker, or the same on the workers of this pool alone. */
export function orForPool(
  scope: string,
  { provisionerId, workerType }: { readonly provisionerId: string; readonly workerType: string },
): ScopeExpression {
  return { AnyOf: [scope, `${scope}:${provisionerId}/${workerType}`] };
}

/**
 * The scopes that a task has; a trailing `*` matches anything. A task may have, and need, tens of thousands: the time
 * of a lookup hardly depends on their number.
 */
export class ScopeSet {
  readonly #exact: ReadonlySet<string>;
  /** Sorted, without prefixes that begin with another one. */
  readonly #prefixes: readonly string[];

  constructor(scopes: readonly string[]) {
    this.#exact = new Set(scopes.filter((scope) => !scope.endsWith('*')));
    const prefixes: string[] = [];
    for (const prefix of scopes.flatMap((scope) => (scope.endsWith('*') ? [scope.slice(0, -1)] : [])).sort()) {
      const last = prefixes.at(-1);
      if (last === undefined || !prefix.startsWith(last)) prefixes.push(prefix);
    }
    this.#prefixes = prefixes;
  }

  /** Returns whether the scopes are sufficient. */
  satisfies(needed: ScopeExpression): boolean {
    if (typeof needed === 'string') return this.#grants(needed);
    if ('AllOf' in needed) return needed.AllOf.every((part) => this.satisfies(part));
    return needed.AnyOf.some((part) => this.satisfies(part));
  }

  /** Returns the scopes of the expression that are missing. */
  missing(needed: ScopeExpression): readonly string[] {
    if (this.satisfies(needed)) return [];
    if (typeof needed === 'string') return [needed];
    const parts = 'AllOf' in needed ? needed.AllOf : needed.AnyOf;
    return parts.flatMap((part) => this.missing(part));
  }

  #grants(scope: string): boolean {
    if (this.#exact.has(scope)) return true;
    // Prefixes sorted between a prefix and a text that begins with it also begin with it, and were left out. So only
    // the last prefix that sorts before the text can match.
    let [low, high] = [0, this.#prefixes.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#prefixes[middle] ?? '') <= scope) low = middle + 1;
      else high = middle;
    }
    const prefix = this.#prefixes[low - 1];
    return prefix !== undefined && scope.startsWith(prefix);
  }
}

/** Returns whether `scopes` are sufficient. */
export function satisfies(scopes: readonly string[], needed: ScopeExpression): boolean {
  return new ScopeSet(scopes).satisfies(needed);
}

/** Returns the scopes of the expression that `scopes` do not grant. */
export function missingScopes(scopes: readonly string[], needed: ScopeExpression): readonly string[] {
  return new ScopeSet(scopes).missing(needed);
}
