import type { Feature, TaskFeature } from '../feature.js';
import { shorten } from '../../util/shorten.js';
import { TaskError } from '../../outcome/errors.js';
import { DEFAULT_LOG_NAME, backingName } from '../../task-log/publisher.js';
import type { Payload } from '../payload.js';
import type { RunContext, TaskContext } from '../task-context.js';
import type { PayloadValidator, RefusedPayload } from '../validate-payload.js';

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
  const validated = admission.validatePayload(run.definition);
  // Of a payload that is not valid the rest is looked at all the same: its author is to hear of everything at once.
  const payload = 'payload' in validated ? validated.payload : (validated.rest as Payload);
  const asked: TaskContext = { ...run, payload, reservedArtifacts: new Map() };
  const used = usedFeatures(payload, admission);
  const reserved = reservedArtifacts(asked, used);
  const problems = [
    ...('payload' in validated ? [] : schemaProblems(validated)),
    ...refusals(payload, admission),
    ...reserved.problems,
    ...takenNames(payload, reserved.names),
  ];
  if (problems.length > 0) throw TaskError.malformed(problems.join('\n'));
  await checkScopes(asked, used, signal);
  const task: TaskContext = Object.freeze({ ...asked, reservedArtifacts: reserved.names });
  return { task, features: used.map((feature) => ({ name: feature.name, hooks: feature.attach(task) })) };
}

/** What a task that is refused gets all the same, as far as its payload can be understood: what tells of its log. */
export function refusedFeatures(run: RunContext, { features, isEnabled }: Admission): readonly AttachedFeature[] {
  const { features: asked } = (run.definition.payload ?? {}) as { features?: Readonly<Record<string, unknown>> | null };
  return features.flatMap((feature) => {
    const { name } = feature;
    const hooks = asked?.[name] === true && isEnabled(name) ? feature.attachRefused?.(run) : undefined;
    return hooks ? [{ name, hooks }] : [];
  });
}

function schemaProblems({ problems, unknownFeatures }: RefusedPayload): readonly string[] {
  const list = JSON.stringify(problems, null, 2);
  const features = unknownFeatures.map((name) => `${name} is not part of valid features`);
  return [`\`task.payload\` format is invalid json schema errors:\n${list}`, ...features];
}

function usedFeatures(payload: Payload, { features, isEnabled }: Admission): readonly Feature[] {
  return features.filter((feature) => {
    if (feature.isUsedBy) return feature.isUsedBy(payload);
    return payload.features?.[feature.name] ?? (feature.enabledByDefault && isEnabled(feature.name));
  });
}

/** What this worker does not do for anybody. */
function refusals(payload: Payload, { features, isEnabled }: Admission): readonly string[] {
  const known = new Set(features.map(({ name }) => name));
  const asked = Object.entries(payload.features ?? {}).flatMap(([name, isAsked]) => (isAsked ? [name] : []));
  const unavailable = asked.flatMap((name) => {
    if (!known.has(name)) return [`${name} is not part of valid features`];
    return isEnabled(name) ? [] : [`${name} is not enabled on this worker`];
  });
  return [...unavailable, ...features.flatMap((feature) => feature.refusals?.(payload) ?? [])];
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
function reservedArtifacts(
  task: TaskContext,
  features: readonly Feature[],
): { readonly names: ReadonlyMap<string, string>; readonly problems: readonly string[] } {
  const names = new Map([[backingName(task.payload.log || DEFAULT_LOG_NAME), 'log']]);
  const problems: string[] = [];
  for (const feature of features) {
    for (const name of feature.reservedArtifacts(task)) {
      const owner = names.get(name);
      if (owner !== undefined) {
        const both = `"${name}" is published by ${owner} and by ${feature.name}`;
        problems.push(`payload.log takes a name that the worker needs: ${both}. Choose another name for it.`);
      }
      names.set(name, feature.name);
    }
  }
  return { names, problems };
}

function takenNames({ artifacts = {} }: Payload, reserved: ReadonlyMap<string, string>): readonly string[] {
  const taken = [...reserved].filter(([name]) => Object.hasOwn(artifacts, name));
  if (taken.length === 0) return [];
  const list = taken.map(([name, feature]) => `"${name}" is published by the worker itself (${feature})`).join('; ');
  return [`payload.artifacts uses reserved names: ${list}. Choose other names.`];
}
