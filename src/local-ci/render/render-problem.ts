import type { JsonObject } from '../model.js';

/** What is wrong with a file or an event, before file and event are named. */
export class RenderProblem extends Error {
  override readonly name: string = 'RenderProblem';
}

/** A template that can't be rendered: it may be made for other events or another deployment. */
export class TemplateProblem extends RenderProblem {
  override readonly name = 'TemplateProblem';
}

/** Whether a value is a map, as opposed to a list, a date or a scalar. */
export function isObject(value: unknown): value is JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** Returns a value's type as a YAML author knows it. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'a map' : `a ${typeof value}`;
}
