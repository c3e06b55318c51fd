import type { ContainerNetwork, DeviceMapping, RunningContainer, StoppedContainer } from '../docker/engine.js';
import type { ImageIdentity } from '../images/image-provider.js';
import type { ScopeExpression } from '../queue/scopes.js';
import type { Payload } from './payload.js';
import type { Resolution } from '../outcome/resolution.js';
import type { RunContext, TaskContext } from './task-context.js';
import type { ResourceStack } from '../util/resource-stack.js';

/**
 * What a feature adds to the task's container. Lists add up; a single value may come from several features when they
 * agree on it, two different ones are refused.
 */
export interface Contribution {
  /** May not repeat a name that another feature sets; payload.env lies over it. */
  readonly env?: Readonly<Record<string, string>>;
  readonly binds?: readonly string[];
  readonly devices?: readonly DeviceMapping[];
  readonly capAdd?: readonly string[];
  readonly securityOpt?: readonly string[];
  readonly extraHosts?: readonly string[];
  readonly entrypointPrefix?: readonly string[];
  readonly network?: ContainerNetwork;
  readonly cpuset?: string;
  readonly privileged?: boolean;
}

/** How a container came to its end: by itself, because the worker killed it, or by not even starting. */
export type ContainerEnd = 'exit' | 'killed' | 'not-started';

/** A capability of the worker that tasks can ask for. One per worker; holds no task's state. */
export interface Feature {
  /** The key in payload.features and in the worker's configuration. */
  readonly name: string;
  readonly enabledByDefault: boolean;
  /** For what tasks ask for elsewhere in the payload than in payload.features, and no configuration switches off. */
  isUsedBy?(payload: Payload): boolean;
  /** What such tasks ask for and this worker's configuration does not allow, in words: their payload is malformed. */
  refusals?(payload: Payload): readonly string[];
  /** What the author reads first when the scopes are missing, where it isn't just the feature's name. */
  readonly insufficientScopes?: string;
  /** The scopes this task needs for it; undefined: none. Checked before anything has an effect. */
  requiredScopes(task: TaskContext): ScopeExpression | undefined;
  /** Artifact names the payload must not use because the feature publishes them itself. */
  reservedArtifacts(task: TaskContext): readonly string[];
  /**
   * Removes what it may have left outside of the run's directory, its container's mounts and what carries the run's
   * labels, when a worker died in the middle of a run. The container of that run may still be there.
   */
  recover?(run: Pick<RunContext, 'taskId' | 'runId'>): Promise<void>;
  /** Synchronous and without effects. */
  attach(task: TaskContext): TaskFeature;
  /**
   * For a task that is refused, whose payload may not be valid: of what is returned only `finish` is called. Absent: such a
   * task has nothing of the feature.
   */
  attachRefused?(run: RunContext): TaskFeature;
}

/**
 * A feature at work for one task. All hooks are optional; each is called at most once, in this order, except that
 * `prepare` may be tried again. An error from any of them ends the run as `resolutionOf` says.
 */
export interface TaskFeature {
  /**
   * Before the container exists, all features at once. What it acquires it registers in `resources`, which is released
   * once the container is gone, on every path. Its effect on the container is what it returns. A retryable
   * ServiceError, and an error of the operating system (one with an `errno`), is tried again some seconds later, after
   * what this attempt registered was released. Every other error is final, such as TaskErrors and our own mistakes.
   */
  prepare?(resources: ResourceStack, signal: AbortSignal): Promise<Contribution>;
  /** Just after the container's start, while it runs. */
  started?(container: RunningContainer, resources: ResourceStack, signal: AbortSignal): Promise<void>;
  /**
   * After the container stopped by itself or by maxRunTime, or was refused by the engine (and may not be there at all);
   * not after a cancel. The task log is still open.
   */
  collect?(container: StoppedContainer, signal: AbortSignal, end: ContainerEnd): Promise<void>;
  /**
   * Always runs once the feature was attached, except after a cancel. The task log is closed and uploaded. The signal is
   * not the run's: it aborts only when finishing has taken too long. `image` is the one that the task ran in; undefined
   * when it did not get to its end.
   */
  finish?(soFar: Resolution, signal: AbortSignal, image?: ImageIdentity): Promise<void>;
}
