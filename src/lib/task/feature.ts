import type { ContainerNetwork, DeviceMapping, RunningContainer, StoppedContainer } from '../docker/engine.js';
import type { ImageIdentity } from '../images/image-provider.js';
import type { ScopeExpression } from '../queue/scopes.js';
import type { Payload } from './payload.js';
import type { Resolution } from '../outcome/resolution.js';
import type { RunContext, TaskContext } from './task-context.js';
import type { ResourceStack } from '../util/resource-stack.js';

/**
 * What a feature adds to the task's container. Lists add up. Several features may set a single value if they agree on
 * it; different values are refused.
 */
export interface Contribution {
  /** Must not repeat a name that another feature sets; payload.env overrides it. */
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
  /** Has no effect on the container: what `adopt` needs to know beyond the rest. Only root can read it. */
  readonly facts?: Readonly<Record<string, unknown>>;
}

/** How a container ended: it exited, the worker killed it, or it did not start. */
export type ContainerEnd = 'exit' | 'killed' | 'not-started';

/** What a task asks of which worker: all that decides which scopes it needs and which artifacts features publish. */
export type AskingTask = Pick<TaskContext, 'payload' | 'worker'>;

/** A capability of the worker that tasks can ask for. One instance per worker; holds no task's state. */
export interface Feature {
  /** The key in payload.features and in the worker's configuration. */
  readonly name: string;
  readonly enabledByDefault: boolean;
  /** For features that tasks request outside payload.features, and that no configuration switches off. */
  isUsedBy?(payload: Payload): boolean;
  /** Returns messages about requests that this worker's configuration does not allow: the payload is malformed. */
  refusals?(payload: Payload): readonly string[];
  /** What the author reads first when scopes are missing, if it is not just the feature's name. */
  readonly insufficientScopes?: string;
  /** Returns the scopes this task needs for it; undefined: none. Checked before anything has an effect. */
  requiredScopes(task: AskingTask): ScopeExpression | undefined;
  /** Artifact names the payload must not use because the feature publishes them itself. */
  reservedArtifacts(task: AskingTask): readonly string[];
  /**
   * Removes what a worker that died during a run may have left outside the run's directory, its container's mounts and
   * objects with the run's labels. The container of that run may still exist.
   */
  recover?(run: Pick<RunContext, 'taskId' | 'runId'>): Promise<void>;
  /** Synchronous and without effects. */
  attach(task: TaskContext): TaskFeature;
  /**
   * Like `attach`, for a run whose container a worker started before it died: `facts` are what `prepare` returned then,
   * without `env`, after a round trip through JSON. Nothing may change for the container, nor be said to the author
   * twice. The `prepare` of the returned hooks takes the same leases again by name and returns the same, but its result
   * has no effect; it throws a TaskStopped('worker-shutdown') if anything that the run needs is gone. `started` is
   * called with the running container, unless that has ended meanwhile; then everything continues as always, from the beginning
   * of `collect` or of `finish` if the worker died during these. Absent: a run with this feature can't be adopted.
   */
  adopt?(task: TaskContext, facts: Contribution): TaskFeature;
  /**
   * Attaches the feature to a refused task, whose payload may be invalid: only `finish` of the result is called.
   * Absent: a refused task does not get the feature.
   */
  attachRefused?(run: RunContext): TaskFeature;
}

/**
 * A feature at work for one task. All hooks are optional; each is called at most once, in this order, but `prepare` may
 * be retried. An error from a hook ends the run as `resolutionOf` says.
 */
export interface TaskFeature {
  /**
   * Runs before the container exists, for all features at once. It registers what it acquires in `resources`, which is
   * released on every path once the container is gone. It returns its effect on the container, which must be JSON and
   * is kept in the run's record, without `env`. A retryable ServiceError, and an error of the operating system (one
   * with an `errno`), is retried some seconds later, after everything this attempt registered was released. Every other
   * error is final.
   */
  prepare?(resources: ResourceStack, signal: AbortSignal): Promise<Contribution>;
  /** Runs right after the container's start, while it runs. */
  started?(container: RunningContainer, resources: ResourceStack, signal: AbortSignal): Promise<void>;
  /**
   * Runs after the container exited, reached maxRunTime, or was refused by the engine (and may not exist at all); not
   * after a cancel. The task log is still open.
   */
  collect?(container: StoppedContainer, signal: AbortSignal, end: ContainerEnd): Promise<void>;
  /**
   * Always runs once the feature was attached, except after a cancel. The task log is closed and uploaded. The signal
   * is not the run's: it aborts only when finishing takes too long. `image` is the one the task ran in; undefined when
   * the task did not run to its end.
   */
  finish?(soFar: Resolution, signal: AbortSignal, image?: ImageIdentity): Promise<void>;
}
