import { isDeepStrictEqual } from 'node:util';
import { LABEL } from '../../docker/engine.js';
import type { ContainerLimits, ContainerSpec, ImageInfo, Labels } from '../../docker/engine.js';
import type { Contribution } from '../feature.js';
import type { TaskContext, WorkerFacts } from '../task-context.js';
import { taskEnv } from '../task-env.js';
import type { PreparedRun } from './prepare.js';

export interface CompileServices {
  readonly containerDefaults: Pick<ContainerDefaults, 'limits'> & {
    readonly logDriver: () => Promise<ContainerDefaults['logDriver']>;
  };
}

/** A run whose container spec is complete. */
export interface CompiledRun extends PreparedRun {
  readonly spec: ContainerSpec;
}

/** The settings that this worker's configuration gives every container. */
export interface ContainerDefaults {
  readonly logDriver: ContainerSpec['logDriver'];
  readonly limits: ContainerLimits;
}

const SHM_SIZE_BYTES = 1_800_000_000;

/** Phase 3: records what was prepared, and builds the container spec. */
export async function compile(run: PreparedRun, { containerDefaults }: CompileServices): Promise<CompiledRun> {
  const { session, task, features, contributions, image } = run;
  // The names of all: a run with a feature that can't be adopted must not continue without it.
  const prepared = Object.fromEntries(
    features.map(({ name, isAdoptable }) => [name, isAdoptable ? onRecord(contributions[name] ?? {}) : {}] as const),
  );
  await session.enter('compile', { prepared, image: image.facts });
  const defaults = { ...containerDefaults, logDriver: await containerDefaults.logDriver() };
  const spec = containerSpec(task, Object.values(contributions), image.image, defaults);
  return { ...run, spec };
}

/** Returns what the record keeps: not the variables, which may be secrets, and which the container has already. */
function onRecord(contribution: Contribution): Omit<Contribution, 'env'> {
  return Object.fromEntries(Object.entries(contribution).filter(([name]) => name !== 'env'));
}

/**
 * Builds a container spec from payload, contributions and image. Pure. Two features that set one single-valued setting
 * differently are the worker's bug: throws.
 */
export function containerSpec(
  task: TaskContext,
  contributions: readonly Contribution[],
  image: ImageInfo,
  defaults: ContainerDefaults,
): ContainerSpec {
  const { payload } = task;
  const prefix = single(contributions, 'entrypointPrefix') ?? [];
  const { command = [] } = payload;
  // With our own entrypoint the engine drops the image's command, so it must be named.
  const imageCommand = prefix.length > 0 && image.command.length > 0 ? image.command : undefined;
  return {
    image: image.id,
    command: command.length > 0 ? command : imageCommand,
    entrypoint: prefix.length > 0 ? [...prefix, ...image.entrypoint] : undefined,
    env: taskEnv(task, featureEnv(contributions), payload.env ?? {}),
    labels: runLabels(task, 'task'),
    binds: contributions.flatMap(({ binds = [] }) => binds),
    devices: contributions.flatMap(({ devices = [] }) => devices),
    capAdd: contributions.flatMap(({ capAdd = [] }) => capAdd),
    securityOpt: contributions.flatMap(({ securityOpt = [] }) => securityOpt),
    extraHosts: ['localhost.localdomain:127.0.0.1', ...contributions.flatMap(({ extraHosts = [] }) => extraHosts)],
    network: single(contributions, 'network'),
    cpuset: single(contributions, 'cpuset'),
    privileged: contributions.some(({ privileged }) => privileged === true),
    shmSizeBytes: SHM_SIZE_BYTES,
    logDriver: defaults.logDriver,
    limits: defaults.limits,
  };
}

/** Returns the labels by which a worker knows its own containers and networks, whichever run they belong to. */
export function workerLabels(worker: WorkerIdentity): Labels {
  return {
    [LABEL.workerId]: worker.workerId,
    [LABEL.workerGroup]: worker.workerGroup,
    [LABEL.workerPool]: `${worker.provisionerId}/${worker.workerType}`,
  };
}

/** Returns the labels of every engine object made for a run; `role` is its purpose. */
export function runLabels(run: RunIdentity, role: 'task' | 'sidecar'): Labels {
  const { taskId, runId, worker } = run;
  return { ...workerLabels(worker), [LABEL.taskId]: taskId, [LABEL.runId]: String(runId), [LABEL.role]: role };
}

type RunIdentity = Pick<TaskContext, 'taskId' | 'runId' | 'worker'>;

type WorkerIdentity = Pick<WorkerFacts, 'workerId' | 'workerGroup' | 'provisionerId' | 'workerType'>;

function single<K extends 'entrypointPrefix' | 'network' | 'cpuset'>(
  contributions: readonly Contribution[],
  key: K,
): Contribution[K] | undefined {
  const [first, ...others] = contributions
    .map((contribution) => contribution[key])
    .filter((value) => value !== undefined);
  if (others.some((other) => !isDeepStrictEqual(other, first))) {
    throw new Error(`two features set ${key} of the task's container differently`);
  }
  return first;
}

function featureEnv(contributions: readonly Contribution[]): Readonly<Record<string, string>> {
  // A Map, because __proto__ is an ordinary name here.
  const merged = new Map<string, string>();
  for (const [name, value] of contributions.flatMap(({ env = {} }) => Object.entries(env))) {
    if (merged.has(name)) throw new Error(`two features set the environment variable ${name}`);
    merged.set(name, value);
  }
  return Object.fromEntries(merged);
}
