import type { Feature, TaskFeature } from '../features/feature.js';
import { missingScopes, satisfies } from '../queue/scopes.js';
import { TaskError } from './errors.js';
import type { Payload } from './payload.js';
import type { RunContext, TaskContext } from './task-context.js';
import type { PayloadValidator } from './validate-payload.js';

export interface Admission {
  readonly validatePayload: PayloadValidator;
  /** In the order in which they are collected and finished. */
  readonly features: readonly Feature[];
  /** Whether this worker's configuration allows the feature. */
  readonly isEnabled: (feature: string) => boolean;
}

export interface AttachedFeature {
  readonly name: string;
  readonly hooks: TaskFeature;
}

/** A task that may run here, with the features it uses. */
export interface AdmittedTask {
  readonly task: TaskContext;
  readonly features: readonly AttachedFeature[];
}

/**
 * Decides whether the task may run: schema, features, scopes, reserved artifact names. Has no effect; throws a TaskError
 * that lists everything there is to change.
 */
export function admit(run: RunContext, admission: Admission): AdmittedTask {
  const task: TaskContext = Object.freeze({ ...run, payload: validPayload(run, admission) });
  const used = usedFeatures(task.payload, admission);
  checkScopes(task, used);
  checkReservedArtifacts(task, used);
  return { task, features: used.map((feature) => ({ name: feature.name, hooks: feature.attach(task) })) };
}

function validPayload(run: RunContext, { validatePayload }: Admission): Payload {
  const result = validatePayload(run.definition);
  if ('payload' in result) {
    refuseUnsupported(result.payload);
    return result.payload;
  }
  const list = JSON.stringify(result.problems, null, 2);
  const features = result.unknownFeatures.map((name) => `\n${name} is not part of valid features`);
  throw TaskError.malformed(`\`task.payload\` format is invalid json schema errors:\n${list}${features.join('')}`);
}

/** What the schema allows and this version can't do is refused in words, never ignored. */
function refuseUnsupported(payload: Payload): void {
  const { cache = {}, capabilities = {}, encryptedEnv = [] } = payload;
  const devices = Object.entries(capabilities.devices ?? {}).filter(([, isAsked]) => isAsked);
  const asked = [
    ...(Object.keys(cache).length > 0 ? ['payload.cache'] : []),
    ...(capabilities.privileged ? ['payload.capabilities.privileged'] : []),
    ...(capabilities.disableSeccomp ? ['payload.capabilities.disableSeccomp'] : []),
    ...devices.map(([name]) => `payload.capabilities.devices.${name}`),
    ...(encryptedEnv.length > 0 ? ['payload.encryptedEnv'] : []),
  ];
  if (asked.length === 0) return;
  throw TaskError.malformed(`This version of the worker does not support ${asked.join(', ')}.`);
}

function usedFeatures(payload: Payload, { features, isEnabled }: Admission): readonly Feature[] {
  const known = new Set(features.map(({ name }) => name));
  const asked = Object.entries(payload.features ?? {}).flatMap(([name, isAsked]) => (isAsked ? [name] : []));
  const problems = asked.flatMap((name) => {
    if (!known.has(name)) return [`${name} is not part of valid features`];
    return isEnabled(name) ? [] : [`${name} is not enabled on this worker`];
  });
  if (problems.length > 0) throw TaskError.malformed(problems.join('\n'));
  return features.filter(({ name, enabledByDefault }) => {
    return payload.features?.[name] ?? (enabledByDefault && isEnabled(name));
  });
}

function checkScopes(task: TaskContext, features: readonly Feature[]): void {
  const { scopes } = task.definition;
  const needed = features.flatMap((feature) => {
    const expression = feature.requiredScopes(task);
    return expression === undefined || satisfies(scopes, expression) ? [] : [{ name: feature.name, expression }];
  });
  if (needed.length === 0) return;
  const lines = needed.map(({ name, expression }) => {
    const missing = missingScopes(scopes, expression).join(', ');
    return `${name}: missing ${missing}; the task needs the scopes ${JSON.stringify(expression)}`;
  });
  throw TaskError.failed(
    `The task has not the scopes for what it asks for. Add them to task.scopes.\n${lines.join('\n')}`,
  );
}

function checkReservedArtifacts(task: TaskContext, features: readonly Feature[]): void {
  const taken = features.flatMap((feature) => {
    const names = feature.reservedArtifacts(task).filter((name) => name in (task.payload.artifacts ?? {}));
    return names.map((name) => `"${name}" is published by the worker itself (${feature.name})`);
  });
  if (taken.length === 0) return;
  throw TaskError.malformed(`payload.artifacts uses reserved names: ${taken.join('; ')}. Choose other names.`);
}
