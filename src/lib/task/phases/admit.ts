import type { MetricsRecorder } from '../../log/metrics-recorder.js';
import type { AskingTask, Feature, TaskFeature } from '../feature.js';
import { shorten } from '../../util/shorten.js';
import { TaskError, TaskStopped } from '../../outcome/errors.js';
import { resolutionName } from '../../outcome/resolution.js';
import { resolutionOf } from '../../outcome/resolution-of.js';
import { DEFAULT_LOG_NAME, backingName } from '../../task-log/publisher.js';
import type { Payload } from '../payload.js';
import type { ResumeFacts } from '../run-record.js';
import type { RunContext, TaskContext } from '../task-context.js';
import type { PayloadValidator, RefusedPayload } from '../validate-payload.js';
import type { OpenedRun } from './open.js';

export interface Admission {
  readonly validatePayload: PayloadValidator;
  /** In the order in which they collect and finish. */
  readonly features: readonly Feature[];
  /** Whether this worker's configuration allows the feature. */
  readonly isEnabled: (feature: string) => boolean;
}

export interface AdmitServices {
  readonly admission: Admission;
  readonly metrics?: Pick<MetricsRecorder, 'featuresUsed' | 'payloadRefused'>;
}

export interface AttachedFeature {
  readonly name: string;
  readonly hooks: TaskFeature;
  /** Only then does the run's record keep what `prepare` returned: nothing else reads it. */
  readonly isAdoptable: boolean;
}

/** A run of a task that may run here, with the features it uses. */
export interface AdmittedRun extends OpenedRun {
  readonly task: TaskContext;
  readonly features: readonly AttachedFeature[];
}

// More than an author reads, for a task with thousands of cache scopes.
const MAX_SCOPES_LENGTH = 4096;

/**
 * Phase 1: decides whether the task may run: schema, features, scopes, reserved artifact names. Has no effects, so a
 * run resumed after a crash starts here too; `facts` are what it had recorded. A run whose container was started has
 * been admitted, whatever the configuration says now. Throws a TaskError that lists everything to change, or the run's
 * stop.
 */
export async function admit(opened: OpenedRun, services: AdmitServices, facts: ResumeFacts): Promise<AdmittedRun> {
  const { session, context } = opened;
  const { admission, metrics } = services;
  await session.enter('admit');
  session.signal.throwIfAborted();
  try {
    const { task, features } = facts.prepared
      ? readmit(context, admission, facts.prepared)
      : await admitTask(context, admission, session.signal);
    const attached = features.map((feature) => ({
      name: feature.name,
      hooks: attach(feature, task, facts.prepared),
      isAdoptable: feature.adopt !== undefined,
    }));
    metrics?.featuresUsed(attached.map(({ name }) => name));
    return { ...opened, task, features: attached };
  } catch (error) {
    if (resolutionName(resolutionOf(error)) === 'malformed-payload') metrics?.payloadRefused();
    throw error;
  }
}

/** A feature that cannot resume where a previous worker died ends the run; another worker can run the task. */
function attach(feature: Feature, task: TaskContext, prepared: ResumeFacts['prepared']): TaskFeature {
  if (!prepared) return feature.attach(task);
  if (!feature.adopt) throw new TaskStopped('worker-shutdown');
  return feature.adopt(task, prepared[feature.name] ?? {});
}

/** A task that may run here, and the features it uses. */
export interface AdmittedTask {
  readonly task: TaskContext;
  readonly features: readonly Feature[];
}

/** Returns the task with the features that it was prepared with. Throws a TaskStopped if this worker lacks one. */
function readmit(run: RunContext, admission: Admission, prepared: NonNullable<ResumeFacts['prepared']>): AdmittedTask {
  const validated = admission.validatePayload(run.definition);
  const features = admission.features.filter(({ name }) => Object.hasOwn(prepared, name));
  if (!('payload' in validated) || features.length < Object.keys(prepared).length) {
    run.log.warn('adopted run cannot continue', { reason: 'the configuration of the worker has changed' });
    throw new TaskStopped('worker-shutdown');
  }
  const { payload } = validated;
  const { names } = reservedArtifacts({ payload, worker: run.worker }, features);
  return { task: Object.freeze({ ...run, payload, reservedArtifacts: names }), features };
}

/** Throws as `admit` does. */
export async function admitTask(run: RunContext, admission: Admission, signal: AbortSignal): Promise<AdmittedTask> {
  const { payload, features, reserved } = await checkTask(run, admission, signal);
  return { task: Object.freeze({ ...run, payload, reservedArtifacts: reserved }), features };
}

/** A task that may run, with the features it uses and the names of artifacts that they publish. */
export interface CheckedTask {
  readonly payload: Payload;
  readonly features: readonly Feature[];
  readonly reserved: ReadonlyMap<string, string>;
}

/** Decides whether a worker may run the task, by nothing but these facts. Throws as `admit` does. */
export async function checkTask(
  { definition, worker, scopes }: Pick<RunContext, 'definition' | 'worker' | 'scopes'>,
  admission: Admission,
  signal: AbortSignal,
): Promise<CheckedTask> {
  const validated = admission.validatePayload(definition);
  // The valid parts of an invalid payload are checked all the same: the author should see all problems at once.
  const payload = 'payload' in validated ? validated.payload : (validated.rest as Payload);
  const features = usedFeatures(payload, admission);
  const reserved = reservedArtifacts({ payload, worker }, features);
  const problems = [
    ...('payload' in validated ? [] : schemaProblems(validated)),
    ...refusals(payload, admission),
    ...reserved.problems,
    ...takenNames(payload, reserved.names),
  ];
  if (problems.length > 0) throw TaskError.malformed(problems.join('\n'));
  await checkScopes({ payload, worker, scopes }, features, signal);
  return { payload, features, reserved: reserved.names };
}

/** Returns the features that even a refused task gets, if its payload is readable: those that publish its log. */
export function refusedFeatures(run: RunContext, { features, isEnabled }: Admission): readonly AttachedFeature[] {
  const { features: asked } = (run.definition.payload ?? {}) as { features?: Readonly<Record<string, unknown>> | null };
  return features.flatMap((feature) => {
    const { name } = feature;
    const hooks = asked?.[name] === true && isEnabled(name) ? feature.attachRefused?.(run) : undefined;
    return hooks ? [{ name, hooks, isAdoptable: false }] : [];
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

/** Returns what this worker does for no task. */
function refusals(payload: Payload, { features, isEnabled }: Admission): readonly string[] {
  const known = new Set(features.map(({ name }) => name));
  const asked = Object.entries(payload.features ?? {}).flatMap(([name, isAsked]) => (isAsked ? [name] : []));
  const unavailable = asked.flatMap((name) => {
    if (!known.has(name)) return [`${name} is not part of valid features`];
    return isEnabled(name) ? [] : [`${name} is not enabled on this worker`];
  });
  return [...unavailable, ...features.flatMap((feature) => feature.refusals?.(payload) ?? [])];
}

async function checkScopes(
  task: AskingTask & Pick<RunContext, 'scopes'>,
  features: readonly Feature[],
  signal: AbortSignal,
): Promise<void> {
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
  throw TaskError.failed(`This task lacks scopes it needs. ${advice}\n${lines.join('\n')}`);
}

/** The log is published whatever features a task uses. Two names of ours can collide only because of payload.log. */
function reservedArtifacts(
  task: AskingTask,
  features: readonly Feature[],
): { readonly names: ReadonlyMap<string, string>; readonly problems: readonly string[] } {
  const names = new Map([[backingName(task.payload.log || DEFAULT_LOG_NAME), 'log']]);
  const problems: string[] = [];
  for (const feature of features) {
    for (const name of feature.reservedArtifacts(task)) {
      const owner = names.get(name);
      if (owner !== undefined) {
        const both = `"${name}" is published by ${owner} and by ${feature.name}`;
        problems.push(`payload.log uses a reserved name: ${both}. Choose another name.`);
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
