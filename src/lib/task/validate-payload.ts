import { readFileSync } from 'node:fs';
import type { ErrorObject } from 'ajv';
import type { TaskDefinition } from '../queue/queue-client.js';
import { ajvOfOwnSchemas } from '../util/own-schema.js';
import { packageFile } from '../util/package-file.js';
import type { Payload } from './payload.js';
import { payloadProblems } from './payload-problems.js';

export type ValidatedPayload =
  { readonly payload: Payload } | { readonly problems: readonly string[]; readonly unknownFeatures: readonly string[] };

/** Checks a task's payload; every problem is listed at once. */
export type PayloadValidator = (task: TaskDefinition) => ValidatedPayload;

/** The schema has no use for more than three. */
const MAX_DEPTH = 100;

const SCHEMA = packageFile('schemas/v1/payload.json');

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
  const validate = ajv.compile<Payload>(schema);
  return (task) => {
    // What follows would overflow the stack, and so would the programs that read the definition later.
    if (isDeeperThan(task.payload, MAX_DEPTH)) {
      return { problems: [`data should not be nested more than ${MAX_DEPTH} levels deep`], unknownFeatures: [] };
    }
    // A copy, so that nothing done to it can reach the definition that chain of trust signs.
    const payload: unknown = structuredClone(task.payload);
    if (validate(payload)) {
      const problems = payloadProblems(payload, task, maxTaskRunTimeSeconds);
      return problems.length === 0 ? { payload: deepFreeze(payload) } : { problems, unknownFeatures: [] };
    }
    const errors = validate.errors ?? [];
    const unknownFeatures = errors
      .filter(({ instancePath }) => instancePath === '/features')
      .flatMap(additionalProperty);
    return { problems: errors.map(inWords), unknownFeatures };
  };
}

/** An error in the wording that tools look for: ajv's, with `should` and the name of an unexpected property. */
function inWords(error: ErrorObject): string {
  const message = (error.message ?? 'is wrong').replace(/\bmust\b/g, 'should');
  const [unexpected] = additionalProperty(error);
  const { allowedValues } = error.params as { allowedValues?: readonly unknown[] };
  const detail =
    unexpected === undefined ? (allowedValues ? `: ${allowedValues.join(', ')}` : '') : `: "${unexpected}"`;
  return `data${error.instancePath} ${message}${detail}`;
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
    if (typeof next !== 'object' || next === null) continue;
    for (const inner of Object.values(next)) pending.push(inner);
    Object.freeze(next);
  }
  return value;
}

/** Level by level, as a recursion is what it protects from. */
function isDeeperThan(value: unknown, levels: number): boolean {
  let level: readonly object[] = [value].filter(isObject);
  for (let depth = 0; level.length > 0; depth++) {
    if (depth >= levels) return true;
    level = level.flatMap((each) => Object.values(each).filter(isObject));
  }
  return false;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
