import { ApiError } from '../http/api-error.js';
import { matchRole, parameterized } from './role-match.js';
import { checkRole } from './role-rules.js';
import type { RoleGrant } from './role-rules.js';

/** A stored role; times are ISO strings. */
export interface Role extends RoleGrant {
  readonly description: string;
  readonly created: string;
  readonly lastModified: string;
}

/** A role to be created; its description may be left out. */
export interface NewRole extends RoleGrant {
  readonly description?: string;
}

/**
 * Roles and the scopes they grant. `assume:<roleId>` stands for the scopes of that role; a role id may end with `*`, and
 * `<..>` in its scopes is then replaced by what the star stood for.
 */
export class RoleTable {
  readonly #roles = new Map<string, Role>();
  readonly #now: () => Date;

  constructor(now: () => Date = () => new Date()) {
    this.#now = now;
  }

  /** Adds the role, or replaces the one with that id, without checking its scopes. */
  set(roleId: string, scopes: readonly string[]): void {
    this.#set({ roleId, scopes });
  }

  /** Does the same, but throws InputError for an invalid role. */
  define(role: NewRole): Role {
    checkRole(role, this.#roles.values());
    return this.#set(role);
  }

  find(roleId: string): Role | undefined {
    return this.#roles.get(roleId);
  }

  /** Returns the role. Throws ResourceNotFound. */
  get(roleId: string): Role {
    const role = this.find(roleId);
    if (!role) throw new ApiError('ResourceNotFound', `There is no role ${roleId}.`);
    return role;
  }

  delete(roleId: string): void {
    this.#roles.delete(roleId);
  }

  /** Returns the roles sorted by id. */
  list(): readonly Role[] {
    return [...this.#roles.values()].sort((one, other) => compare(one.roleId, other.roleId));
  }

  /** Returns all scopes that follow from these, sorted, without scopes that another one covers. */
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

  #set({ roleId, scopes, description = '' }: NewRole): Role {
    const lastModified = this.#now().toJSON();
    const created = this.#roles.get(roleId)?.created ?? lastModified;
    const role = { roleId, scopes: [...scopes].sort(), description, created, lastModified };
    this.#roles.set(roleId, role);
    return role;
  }

  #impliedBy(scope: string): readonly string[] {
    const implied: string[] = [];
    for (const [roleId, { scopes }] of this.#roles) {
      const parameter = matchRole(scope, roleId);
      if (parameter !== undefined) implied.push(...scopes.map((one) => parameterized(one, parameter)));
    }
    return implied;
  }
}

function normalize(scopes: ReadonlySet<string>): readonly string[] {
  const kept: string[] = [];
  let prefix: string | undefined;
  // Without its star, a pattern sorts right before everything that it covers.
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
