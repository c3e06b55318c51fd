import { readFileSync } from 'node:fs';
import type { TaskDefinition } from '../queue/queue-client.js';
import { ajvOfOwnSchemas } from '../util/own-schema.js';
import { packageFile } from '../util/package-file.js';
import type { Payload } from './payload.js';
import { payloadProblems } from './payload-problems.js';
import type { ImageSchema } from './schema-problems.js';
import { inWords, relevantErrors, unknownFeatures, withoutFaults } from './schema-problems.js';

export type ValidatedPayload = { readonly payload: Payload } | RefusedPayload;

export interface RefusedPayload {
  readonly problems: readonly string[];
  readonly unknownFeatures: readonly string[];
  /** The valid parts of the payload; they may have more problems. */
  readonly rest: Partial<Payload>;
}

/** Checks a task's payload and lists every problem at once. */
export type PayloadValidator = (task: TaskDefinition) => ValidatedPayload;

/** Levels of lists and objects. The schema needs no more than three. */
const MAX_DEPTH = 100;

const SCHEMA = packageFile('schemas/v1/payload.json');
// A realistic payload has some hundreds of values; finding all problems of one with a million takes seconds.
const MANY_VALUES = 5000;
const ONLY_FIRST = `there may be more problems: a payload with more than ${MANY_VALUES} values is checked up to the first`;
const MAX_PROBLEMS = 100;
const MORE_PROBLEMS = `there are more problems than these ${MAX_PROBLEMS}`;

interface PayloadSchema {
  readonly properties: {
    readonly features: { readonly properties: Record<string, object> };
    readonly image: ImageSchema;
  };
}

/**
 * Returns a validator for schemas/v1/payload.json. `maxTaskRunTimeSeconds` is this worker's cap on maxRunTime, if it
 * has one; `moreFeatures` are known in addition to those that every worker knows.
 */
export function payloadValidator(
  maxTaskRunTimeSeconds: number | undefined,
  moreFeatures: readonly string[] = [],
  now = (): Date => new Date(),
): PayloadValidator {
  const ajv = ajvOfOwnSchemas({ allErrors: true, allowUnionTypes: true, verbose: true });
  const schema = JSON.parse(readFileSync(SCHEMA, 'utf8')) as PayloadSchema;
  const { properties: features } = schema.properties.features;
  for (const name of moreFeatures) features[name] ??= { type: 'boolean' };
  const validateAll = ajv.compile<Payload>(schema);
  let validateFirst: typeof validateAll | undefined;
  return (task) => {
    const { payload } = task;
    // Code that reads the definition later would overflow the stack.
    const { levels, values } = measure(payload);
    if (levels > MAX_DEPTH) {
      const problems = [`data should not be nested more than ${MAX_DEPTH} levels deep`];
      return { problems, unknownFeatures: [], rest: {} };
    }
    const isLarge = values > MANY_VALUES;
    if (isLarge) validateFirst ??= ajvOfOwnSchemas({ allowUnionTypes: true, verbose: true }).compile<Payload>(schema);
    const validate = (isLarge && validateFirst) || validateAll;
    const context = { task, maxTaskRunTimeSeconds, now: now() };
    if (validate(payload)) {
      const problems = listed(payloadProblems(payload, context));
      if (problems.length > 0) return { problems, unknownFeatures: [], rest: payload };
      // Part of the definition, which is frozen when it is claimed: no change to the payload can reach what is signed.
      return { payload: Object.isFrozen(payload) ? payload : deepFreeze(structuredClone(payload)) };
    }
    const all = validate.errors ?? [];
    const errors = relevantErrors(all.slice(0, MAX_PROBLEMS + 1), payload, schema.properties.image);
    const unknown = unknownFeatures(errors);
    if (isLarge) return { problems: [...errors.map(inWords), ONLY_FIRST], unknownFeatures: unknown, rest: {} };
    const rest: Partial<Payload> = all.length > MAX_PROBLEMS ? {} : withoutFaults(payload, all);
    const problems = listed([...errors.map(inWords), ...listed(payloadProblems(rest, context))]);
    return { problems, unknownFeatures: unknown, rest };
  };
}

/** Returns the first problems. */
function listed(problems: Iterable<string>): readonly string[] {
  const list: string[] = [];
  for (const problem of problems) {
    if (list.length === MAX_PROBLEMS) return [...list, MORE_PROBLEMS];
    list.push(problem);
  }
  return list;
}

/** Freezes plain JSON data at every depth, without recursion. */
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
 * Counts the levels of lists and objects of plain JSON data, and all its values. Goes level by level, because it
 * protects from recursion, and stops below the first level that is too deep.
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

/** One by one: listing the values of an object with tens of thousands of keys takes several times as long. */
function pushInner(value: object, values: unknown[]): void {
  if (Array.isArray(value)) for (const inner of value) values.push(inner);
  else for (const key in value) values.push((value as Readonly<Record<string, unknown>>)[key]);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
