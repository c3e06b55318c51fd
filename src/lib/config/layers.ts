import { checkSize } from './check-size.js';
import { EnvReference } from './env-tags.js';
import type { Environment } from './env-tags.js';

/** A part of the configuration as written: nested maps; leaves may be EnvReference. */
export type ConfigTree = Readonly<Record<string, unknown>>;

/** One source of configuration. `name` identifies it in messages. */
export interface Layer {
  readonly name: string;
  readonly values: ConfigTree;
}

/** The path of a value in the configuration. */
export type ConfigPath = readonly string[];

/** A key that was written with an empty value. */
export interface EmptiedKey {
  readonly path: ConfigPath;
  readonly layer: string;
}

/** A value that could not be resolved; a problem only if no later layer replaces it. */
class Unresolved {
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }
}

/** Returns whether this is a map of settings (not a list, scalar or tag). */
export function isTree(value: unknown): value is ConfigTree {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return !(value instanceof EnvReference) && !(value instanceof Unresolved) && !(value instanceof Date);
}

/**
 * Configuration layers merged in order: maps merge deeply, lists and scalars replace, null removes a value (but not a
 * map: an empty section has no effect). Remembers which layer each value is from.
 */
export class LayeredConfig {
  readonly #env: Environment;
  readonly #root = emptyTree();
  readonly #origins = new Map<string, string>();
  readonly #secrets = new Set<string>();
  /** Keys that a layer gave an empty value, with the last layer that did so. */
  readonly #emptied = new Map<string, EmptiedKey>();

  constructor(env: Environment) {
    this.#env = env;
  }

  /** Applies a layer. Throws a ConfigError if it is larger than any configuration. */
  apply(layer: Layer): void {
    checkSize(layer.name, layer.values);
    this.#merge(this.#root, layer.values, [], layer.name);
  }

  /** Returns a copy of the merged values, without the unresolved ones that `problems` lists. */
  values(): Record<string, unknown> {
    return plain(this.#root) as Record<string, unknown>;
  }

  /** Returns the variables that are missing or malformed and that no higher layer replaces. */
  problems(): readonly { readonly path: ConfigPath; readonly message: string }[] {
    return unresolvedIn(this.#root, []);
  }

  /** Returns keys written with an empty value: the values no longer contain them, but they may be misspelt. */
  emptied(): readonly EmptiedKey[] {
    return [...this.#emptied.values()];
  }

  /** Returns the layer that set the value at `path` or, for a map, set a value in it; undefined: no layer did. */
  originOf(path: ConfigPath): string | undefined {
    for (let length = path.length; length > 0; length--) {
      const origin = this.#origins.get(keyOf(path.slice(0, length)));
      if (origin !== undefined) return origin;
    }
    const inside = `${keyOf(path)}\0`;
    for (const [key, origin] of this.#origins) if (key.startsWith(inside)) return origin;
    return undefined;
  }

  /** Returns whether the value at `path` came from an `!env:secret` tag. */
  isSecret(path: ConfigPath): boolean {
    return path.some((_, index) => this.#secrets.has(keyOf(path.slice(0, index + 1))));
  }

  #merge(target: Record<string, unknown>, source: ConfigTree, path: ConfigPath, layer: string): void {
    for (const [key, written] of Object.entries(source)) {
      const value = this.#resolve(written);
      if (value === undefined) continue;
      const here = [...path, key];
      const below = target[key];
      if (value === null) this.#emptied.set(keyOf(here), { path: here, layer });
      if (isTree(value)) {
        if (!isTree(below)) this.#set(target, here, emptyTree(), layer);
        this.#merge(target[key] as Record<string, unknown>, value, here, layer);
      } else if (value !== null) {
        this.#set(target, here, value, layer);
      } else if (!isTree(below)) {
        this.#forget(here, below);
        // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- the tree is a map by configuration keys
        delete target[key];
      }
      if (written instanceof EnvReference && written.isSecret) this.#secrets.add(keyOf(here));
    }
  }

  #set(target: Record<string, unknown>, path: ConfigPath, value: unknown, layer: string): void {
    const key = path.at(-1) ?? '';
    this.#forget(path, target[key]);
    target[key] = value;
    this.#origins.set(keyOf(path), layer);
  }

  /** Forgets the origin of `value`, which is now at `path`, and of everything inside it. */
  #forget(path: ConfigPath, value: unknown): void {
    const key = keyOf(path);
    this.#origins.delete(key);
    this.#secrets.delete(key);
    if (isTree(value)) for (const [name, inner] of Object.entries(value)) this.#forget([...path, name], inner);
  }

  #resolve(written: unknown): unknown {
    if (Array.isArray(written)) {
      return written.map((item) => this.#resolve(item)).filter((item) => item !== undefined);
    }
    if (!(written instanceof EnvReference)) return written;
    const found = written.lookUp(this.#env);
    switch (found.kind) {
      case 'value':
        return found.value;
      case 'absent':
        return undefined;
      case 'problem':
        return new Unresolved(found.message);
    }
  }
}

/** Has no prototype, so that __proto__ is an ordinary key. */
function emptyTree(): Record<string, unknown> {
  return Object.create(null) as Record<string, unknown>;
}

function keyOf(path: ConfigPath): string {
  return path.join('\0');
}

function unresolvedIn(value: unknown, path: ConfigPath): { path: ConfigPath; message: string }[] {
  if (value instanceof Unresolved) return [{ path, message: value.message }];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => unresolvedIn(inner, [...path, key]));
}

function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.filter((item) => !(item instanceof Unresolved)).map(plain);
  if (!isTree(value)) return value;
  const copy = emptyTree();
  for (const [key, inner] of Object.entries(value)) if (!(inner instanceof Unresolved)) copy[key] = plain(inner);
  return copy;
}
