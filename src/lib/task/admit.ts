import type { Feature, TaskFeature } from '../features/feature.js';
import { shorten } from '../util/shorten.js';
import { TaskError } from './errors.js';
import { DEFAULT_LOG_NAME } from './log-format.js';
import { backingName } from './log-text.js';
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

// More than anybody reads, of scopes for thousands of caches.
const MAX_SCOPES_LENGTH = 4096;

/**
 * Decides whether the task may run: schema, features, scopes, reserved artifact names. Has no effect; throws a TaskError
 * that lists everything there is to change, or the signal's reason.
 */
export async function admit(run: RunContext, admission: Admission, signal: AbortSignal): Promise<AdmittedTask> {
  const asked: TaskContext = { ...run, payload: validPayload(run, admission), reservedArtifacts: new Map() };
  const used = usedFeatures(asked.payload, admission);
  await checkScopes(asked, used, signal);
  const task: TaskContext = Object.freeze({ ...asked, reservedArtifacts: reservedArtifacts(asked, used) });
  checkArtifactNames(task);
  return { task, features: used.map((feature) => ({ name: feature.name, hooks: feature.attach(task) })) };
}

function validPayload(run: RunContext, { validatePayload }: Admission): Payload {
  const result = validatePayload(run.definition);
  if ('payload' in result) return result.payload;
  const list = JSON.stringify(result.problems, null, 2);
  const features = result.unknownFeatures.map((name) => `\n${name} is not part of valid features`);
  throw TaskError.malformed(`\`task.payload\` format is invalid json schema errors:\n${list}${features.join('')}`);
}

function usedFeatures(payload: Payload, { features, isEnabled }: Admission): readonly Feature[] {
  const known = new Set(features.map(({ name }) => name));
  const asked = Object.entries(payload.features ?? {}).flatMap(([name, isAsked]) => (isAsked ? [name] : []));
  const unavailable = asked.flatMap((name) => {
    if (!known.has(name)) return [`${name} is not part of valid features`];
    return isEnabled(name) ? [] : [`${name} is not enabled on this worker`];
  });
  const problems = [...unavailable, ...features.flatMap((feature) => feature.refusals?.(payload) ?? [])];
  if (problems.length > 0) throw TaskError.malformed(problems.join('\n'));
  return features.filter((feature) => {
    if (feature.isUsedBy) return feature.isUsedBy(payload);
    return payload.features?.[feature.name] ?? (feature.enabledByDefault && isEnabled(feature.name));
  });
}

async function checkScopes(task: TaskContext, features: readonly Feature[], signal: AbortSignal): Promise<void> {
  const lines: string[] = [];
  for (const feature of features) {
    const expression = feature.requiredScopes(task);
    const missing = expression === undefined ? [] : await task.scopes.missing(expression, signal);
    const { name, insufficientScopes = `${name}:` } = feature;
    if (missing.length === 0) continue;
    const lacking = shorten(missing.join(', '), MAX_SCOPES_LENGTH);
    const all = shorten(JSON.stringify(expression), MAX_SCOPES_LENGTH);
    lines.push(`${insufficientScopes} missing ${lacking}; the task needs the scopes ${all}`);
  }
  if (lines.length === 0) return;
  const advice = 'Add them to task.scopes or to a role of this task.';
  throw TaskError.failed(`The task lacks scopes for what it asks for. ${advice}\n${lines.join('\n')}`);
}

/** The log is there whatever features a task uses. One name for two things of the worker's can only be payload.log's. */
function reservedArtifacts(task: TaskContext, features: readonly Feature[]): ReadonlyMap<string, string> {
  const reserved = new Map([[backingName(task.payload.log ?? DEFAULT_LOG_NAME), 'log']]);
  for (const feature of features) {
    for (const name of feature.reservedArtifacts(task)) {
      const owner = reserved.get(name);
      if (owner !== undefined) {
        const both = `"${name}" is published by ${owner} and by ${feature.name}`;
        throw TaskError.malformed(
          `payload.log takes a name that the worker needs: ${both}. Choose another name for it.`,
        );
      }
      reserved.set(name, feature.name);
    }
  }
  return reserved;
}

function checkArtifactNames({ payload, reservedArtifacts }: TaskContext): void {
  const taken = [...reservedArtifacts].filter(([name]) => Object.hasOwn(payload.artifacts ?? {}, name));
  if (taken.length === 0) return;
  const list = taken.map(([name, feature]) => `"${name}" is published by the worker itself (${feature})`).join('; ');
  throw TaskError.malformed(`payload.artifacts uses reserved names: ${list}. Choose other names.`);
}
