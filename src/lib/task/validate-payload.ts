import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import type { ErrorObject } from 'ajv';
import ajvFormats from 'ajv-formats';
import type { TaskDefinition } from '../queue/queue-client.js';
import type { Payload } from './payload.js';

export type ValidatedPayload =
  { readonly payload: Payload } | { readonly problems: readonly string[]; readonly unknownFeatures: readonly string[] };

/** Checks a task's payload; every problem is listed at once. */
export type PayloadValidator = (task: TaskDefinition) => ValidatedPayload;

const SCHEMA = new URL('../../../schemas/v1/payload.json', import.meta.url);

/** A validator for schemas/v1/payload.json. `maxTaskRunTimeSeconds` is this worker's cap on maxRunTime, if it has one. */
export function payloadValidator(maxTaskRunTimeSeconds: number | undefined): PayloadValidator {
  const ajv = new Ajv({ allErrors: true, strict: true, allowUnionTypes: true });
  ajvFormats.default(ajv, ['date-time']);
  const validate = ajv.compile<Payload>(JSON.parse(readFileSync(SCHEMA, 'utf8')) as object);
  return (task) => {
    // A copy, so that nothing done to it can reach the definition that chain of trust signs.
    const payload: unknown = structuredClone(task.payload);
    if (validate(payload)) {
      const problems = [...lateArtifacts(payload, task), ...tooLong(payload, maxTaskRunTimeSeconds)];
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

function lateArtifacts(payload: Payload, task: TaskDefinition): readonly string[] {
  return Object.entries(payload.artifacts ?? {})
    .filter(([, { expires }]) => expires !== undefined && new Date(expires) > new Date(task.expires))
    .map(
      ([name, { expires = '' }]) =>
        `data/artifacts/${name.replace(/~/g, '~0').replace(/\//g, '~1')}/expires should not be after the task's own expiration (${expires} is later than ${task.expires})`,
    );
}

function tooLong({ maxRunTime }: Payload, maxTaskRunTimeSeconds: number | undefined): readonly string[] {
  if (maxTaskRunTimeSeconds === undefined || maxRunTime <= maxTaskRunTimeSeconds) return [];
  return [`data/maxRunTime should be <= ${maxTaskRunTimeSeconds}, the longest this worker allows`];
}

/** Freezes plain JSON data all the way down. */
export function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    Object.values(value).forEach(deepFreeze);
    Object.freeze(value);
  }
  return value;
}
