import { readFileSync } from 'node:fs';
import type { ErrorObject } from 'ajv';
import type { TaskDefinition } from '../queue/queue-client.js';
import { ajvOfOwnSchemas } from '../util/own-schema.js';
import { packageFile } from '../util/package-file.js';
import { shorten } from '../util/shorten.js';
import type { Payload } from './payload.js';
import { payloadProblems } from './payload-problems.js';

export type ValidatedPayload =
  { readonly payload: Payload } | { readonly problems: readonly string[]; readonly unknownFeatures: readonly string[] };

/** Checks a task's payload; every problem is listed at once. */
export type PayloadValidator = (task: TaskDefinition) => ValidatedPayload;

/** Of lists and objects. The schema has no use for more than three. */
const MAX_DEPTH = 100;

const SCHEMA = packageFile('schemas/v1/payload.json');
// A payload for people has some hundreds; to look for all problems of one with a million takes seconds.
const MANY_VALUES = 5000;
const ONLY_FIRST = `there may be more problems: a payload with more than ${MANY_VALUES} values is checked up to the first`;
const MAX_PROBLEMS = 100;
const MORE_PROBLEMS = `there are more problems than these ${MAX_PROBLEMS}`;
const MAX_NAME_LENGTH = 200;
const MAX_PLACE_LENGTH = 1000;

interface PayloadSchema {
  readonly properties: { readonly features: { readonly properties: Record<string, object> } };
}

/**
 * A validator for schemas/v1/payload.json. `maxTaskRunTimeSeconds` is this worker's cap on maxRunTime, if it has one;
 * `moreFeatures` are known besides those that every worker knows.
 */
export function payloadValidator(
  maxTaskRunTimeSeconds: number | undefined,
  moreFeatures: readonly string[] = [],
): PayloadValidator {
  const ajv = ajvOfOwnSchemas({ allErrors: true, allowUnionTypes: true });
  const schema = JSON.parse(readFileSync(SCHEMA, 'utf8')) as PayloadSchema;
  const { properties: features } = schema.properties.features;
  for (const name of moreFeatures) features[name] ??= { type: 'boolean' };
  const validateAll = ajv.compile<Payload>(schema);
  let validateFirst: typeof validateAll | undefined;
  return (task) => {
    const { payload } = task;
    // The programs that read the definition later would overflow their stacks.
    const { levels, values } = measure(payload);
    if (levels > MAX_DEPTH) {
      return { problems: [`data should not be nested more than ${MAX_DEPTH} levels deep`], unknownFeatures: [] };
    }
    const isLarge = values > MANY_VALUES;
    if (isLarge) validateFirst ??= ajvOfOwnSchemas({ allowUnionTypes: true }).compile<Payload>(schema);
    const validate = (isLarge && validateFirst) || validateAll;
    if (validate(payload)) {
      const problems = listed(payloadProblems(payload, task, maxTaskRunTimeSeconds));
      if (problems.length > 0) return { problems, unknownFeatures: [] };
      // A part of the definition, which is frozen when it is claimed: nothing done to it can reach what is signed.
      return { payload: Object.isFrozen(payload) ? payload : deepFreeze(structuredClone(payload)) };
    }
    const errors = (validate.errors ?? []).slice(0, MAX_PROBLEMS + 1);
    const unknownFeatures = errors
      .filter(({ instancePath }) => instancePath === '/features')
      .flatMap(additionalProperty)
      .map((name) => shorten(name, MAX_NAME_LENGTH));
    return { problems: [...listed(errors.map(inWords)), ...(isLarge ? [ONLY_FIRST] : [])], unknownFeatures };
  };
}

/** The first problems. */
function listed(problems: Iterable<string>): readonly string[] {
  const list: string[] = [];
  for (const problem of problems) {
    if (list.length === MAX_PROBLEMS) return [...list, MORE_PROBLEMS];
    list.push(problem);
  }
  return list;
}

/** An error in the wording that tools look for: ajv's, with `should` and the name of an unexpected property. */
function inWords(error: ErrorObject): string {
  const message = (error.message ?? 'is wrong').replace(/\bmust\b/g, 'should');
  const [unexpected] = additionalProperty(error);
  const { allowedValues } = error.params as { allowedValues?: readonly unknown[] };
  const detail =
    unexpected === undefined
      ? allowedValues
        ? `: ${allowedValues.join(', ')}`
        : ''
      : `: "${shorten(unexpected, MAX_NAME_LENGTH)}"`;
  return `data${shorten(error.instancePath, MAX_PLACE_LENGTH)} ${message}${detail}`;
}

function additionalProperty({ params }: ErrorObject): readonly string[] {
  const { additionalProperty: name } = params as { additionalProperty?: string };
  return name === undefined ? [] : [name];
}

/** Freezes plain JSON data all the way down, however deep that is. */
export function deepFreeze<T>(value: T): T {
  const pending: unknown[] = [value];
  while (pending.length > 0) {
    const next = pending.pop();
    if (!isObject(next)) continue;
    pushInner(next, pending);
    Object.freeze(next);
  }
  return value;
}

/**
 * How many levels of lists and objects plain JSON data has, and how many values in all. Goes level by level, as a
 * recursion is what it protects from, and stops below the first level that is too deep.
 */
function measure(value: unknown): { readonly levels: number; readonly values: number } {
  let level: readonly unknown[] = [value];
  let levels = 0;
  let values = 1;
  while (levels <= MAX_DEPTH) {
    const inner: unknown[] = [];
    let hasObjects = false;
    for (const each of level) {
      if (!isObject(each)) continue;
      hasObjects = true;
      pushInner(each, inner);
    }
    if (!hasObjects) break;
    levels += 1;
    values += inner.length;
    level = inner;
  }
  return { levels, values };
}

/** One by one: to list the values of an object with tens of thousands of keys takes several times as long. */
function pushInner(value: object, values: unknown[]): void {
  if (Array.isArray(value)) for (const inner of value) values.push(inner);
  else for (const key in value) values.push((value as Readonly<Record<string, unknown>>)[key]);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
