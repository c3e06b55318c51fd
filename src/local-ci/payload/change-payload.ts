import type { JsonObject } from '../model.js';

/**
 * Returns the task's definition with a changed payload. A payload that is no map stays: the worker says what is wrong
 * with it.
 */
export function changePayload(definition: JsonObject, change: (payload: JsonObject) => JsonObject): JsonObject {
  const { payload } = definition;
  return isObject(payload) ? { ...definition, payload: { ...payload, ...change(payload) } } : definition;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
