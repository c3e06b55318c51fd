import { CiInputError } from '../model.js';
import type { JsonObject } from '../model.js';

/** No event of GitHub is nested more deeply. */
export const MAX_DEPTH = 100;

/** Returns what is at `path`, keys with dots between them; undefined if anything on the way isn't there. */
export function at(body: JsonObject, path: string): unknown {
  let value: unknown = body;
  for (const key of path.split('.')) {
    if (!isObject(value) || !Object.hasOwn(value, key)) return undefined;
    value = value[key];
  }
  return value;
}

/** As `at`; undefined for anything but text. */
export function textAt(body: JsonObject, path: string): string | undefined {
  const value = at(body, path);
  return typeof value === 'string' ? value : undefined;
}

/** As `at`; undefined for anything but a number. */
export function numberAt(body: JsonObject, path: string): number | undefined {
  const value = at(body, path);
  return typeof value === 'number' ? value : undefined;
}

/** As `at`; undefined for anything but an object. */
export function objectAt(body: JsonObject, path: string): JsonObject | undefined {
  const value = at(body, path);
  return isObject(value) ? value : undefined;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether objects and arrays are nested more than MAX_DEPTH deep. One that is in many places is looked at once. */
export function isTooDeep(value: unknown): boolean {
  let level = [value];
  for (let depth = 0; depth <= MAX_DEPTH; depth += 1) level = [...new Set(level.flatMap(valuesIn))];
  return level.length > 0;
}

function valuesIn(value: unknown): readonly unknown[] {
  return typeof value === 'object' && value !== null ? (Object.values(value) as unknown[]) : [];
}

/**
 * Lays `over` over `body`: objects in the same place are merged, everything else replaces what was there, null and
 * arrays too. Neither is changed. Throws a CiInputError if they are nested more than 100 deep.
 */
export function laidOver(body: JsonObject, over: JsonObject): JsonObject {
  return merge(body, over, MAX_DEPTH);
}

function merge(body: JsonObject, over: JsonObject, depth: number): JsonObject {
  if (depth === 0) throw new CiInputError(`the event is nested more than ${MAX_DEPTH} deep: no event of GitHub is`);
  const merged = new Map(Object.entries(body));
  for (const [key, value] of Object.entries(over)) {
    const before = merged.get(key);
    merged.set(key, isObject(before) && isObject(value) ? merge(before, value, depth - 1) : value);
  }
  return Object.fromEntries(merged);
}
