import type { CacheLease, VolumeCaches } from '../caches/volume-cache.js';
import { LABEL } from '../docker/engine.js';
import type { DockerEngine, StoppedContainer } from '../docker/engine.js';
import { orForPool } from '../queue/scopes.js';
import { NO_EXIT_CODE } from '../task/exit-verdict.js';
import { mountOf, mountPath } from '../caches/mount-path.js';
import type { Payload } from '../task/payload.js';
import type { Resolution } from '../outcome/resolution.js';
import { resolutionName } from '../outcome/resolution.js';
import type { TaskContext } from '../task/task-context.js';
import { LinkedAbort } from '../util/linked-abort.js';
import type { ResourceStack } from '../util/resource-stack.js';
import type { ContainerEnd, Contribution, Feature, TaskFeature } from '../task/feature.js';
import { lost, reacquire } from './reacquire.js';

export interface CachesOptions {
  readonly caches: Pick<VolumeCaches, 'acquire' | 'reacquire'>;
  /** Carries out the requests made to the purge-cache service. */
  readonly purgeRequests: { apply(signal: AbortSignal): Promise<void> };
  readonly engine: Pick<DockerEngine, 'findContainers'>;
  /** Default: true. False: keep the caches of a killed task, although they may hold incomplete files. */
  readonly purgeAfterKill?: boolean;
}

const NAME = 'caches';

/** Mounts payload.cache: directories on this machine, each used by one task at a time. */
export function cachesFeature(options: CachesOptions): Feature {
  return {
    name: NAME,
    enabledByDefault: true,
    insufficientScopes: 'Insufficient scopes to attach cache volumes.',
    isUsedBy: (payload) => Object.keys(payload.cache ?? {}).length > 0,
    requiredScopes: ({ payload, worker }) => ({
      AllOf: Object.keys(payload.cache ?? {}).map((name) => orForPool(`docker-worker:cache:${name}`, worker)),
    }),
    reservedArtifacts: () => [],
    attach: (task) => new TaskCaches(task, options),
    adopt: (task, { binds = [] }) => new TaskCaches(task, options, binds),
  };
}

const KILLED = 'its container did not exit by itself';

/** The caches of one task. Purged unless its container is known to have exited by itself, or purgeAfterKill is off. */
class TaskCaches implements TaskFeature {
  readonly #task: TaskContext;
  readonly #options: CachesOptions;
  readonly #binds: readonly string[] | undefined;
  #leases: CacheLease[] = [];
  /** Why no other task may use them; undefined: they are as the command left them. */
  #purgeReason: string | undefined;
  #hasSucceeded = false;

  /** `binds`: those of a run that a previous worker had prepared, in the order of payload.cache. */
  constructor(task: TaskContext, options: CachesOptions, binds?: readonly string[]) {
    this.#task = task;
    this.#options = options;
    this.#binds = binds;
  }

  async prepare(resources: ResourceStack, signal: AbortSignal): Promise<Contribution> {
    // The command may have changed them already, even if `started` is never called.
    if (this.#binds) this.#expectKill();
    // Requests made while a task runs are carried out after it.
    else await this.#options.purgeRequests.apply(signal);
    this.#leases = [];
    resources.defer('caches', () => this.#releaseLeases());
    signal.throwIfAborted();
    const acquiring = new LinkedAbort(signal);
    const mounts = Object.entries(this.#task.payload.cache ?? {});
    // Concurrently: a run that waits for several caches waits only for the slowest.
    const leases = mounts.map(async ([name, place], i) => {
      try {
        return await this.#take(name, this.#directoryOf(place, i), acquiring.signal);
      } catch (error) {
        acquiring.abort(error);
        throw error;
      }
    });
    // Even if one fails, the others must be released.
    const settled = await Promise.allSettled(leases);
    acquiring.dispose();
    this.#leases = settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    const paths = (await Promise.all(leases)).map(({ path }) => path);
    return { binds: mounts.map(([, place], i) => `${paths[i] ?? ''}${bindSuffix(place)}`) };
  }

  /** A resumed run needs the very directory that its container has mounted. */
  async #take(name: string, directory: string | undefined, signal: AbortSignal): Promise<CacheLease> {
    const { caches } = this.#options;
    return await (directory === undefined
      ? caches.acquire(name, this.#task, signal)
      : reacquire({ task: this.#task, feature: NAME }, name, () => caches.reacquire(directory, this.#task), signal));
  }

  /** Returns the directory that a resumed run had mounted here; undefined for a new run. */
  #directoryOf(place: string, index: number): string | undefined {
    if (!this.#binds) return undefined;
    const bind = this.#binds[index];
    const end = bindSuffix(place);
    if (bind?.endsWith(end) !== true) {
      throw lost({ task: this.#task, feature: NAME }, place, new Error('the run had no cache there'));
    }
    return bind.slice(0, -end.length);
  }

  started(): Promise<void> {
    this.#expectKill();
    return Promise.resolve();
  }

  collect(container: StoppedContainer, _signal: AbortSignal, end: ContainerEnd): Promise<void> {
    const { output, payload } = this.#task;
    this.#hasSucceeded = end === 'exit' && container.exitCode === 0;
    this.#purgeReason =
      exitPurgeReason(container, payload) ?? (this.#purgesAfterKill ? killPurgeReason(container, end) : undefined);
    if (this.#purgeReason !== undefined) {
      const names = this.#leases.map(({ name }) => `"${name}"`).join(', ');
      output.line(`Purging the caches of this task (${names}): ${this.#purgeReason}.`);
    }
    return Promise.resolve();
  }

  /** A success whose artifacts could not be uploaded counts as an exit code too. */
  finish(soFar: Resolution): Promise<void> {
    const { purgeCaches } = this.#task.payload.onExitStatus ?? {};
    const hasFailedSince = this.#hasSucceeded && !['completed', 'worker-shutdown'].includes(resolutionName(soFar));
    if (hasFailedSince && purgeCaches?.includes(NO_EXIT_CODE))
      this.#purgeReason ??= `exit code ${NO_EXIT_CODE} is in onExitStatus.purgeCaches`;
    return Promise.resolve();
  }

  /** Applies until `collect` decides: after a cancel, or when the engine is lost, `collect` isn't called. */
  #expectKill(): void {
    if (this.#purgesAfterKill) this.#purgeReason = KILLED;
  }

  /** Work in an interactive shell may be killed at any time, and is not the task's own. */
  get #purgesAfterKill(): boolean {
    return this.#options.purgeAfterKill !== false || this.#task.payload.features?.['interactive'] === true;
  }

  async #releaseLeases(): Promise<void> {
    if (this.#leases.length > 0 && (await this.#isContainerLeft())) {
      this.#purgeReason ??= 'its container could not be removed';
    }
    for (const lease of this.#leases) {
      if (this.#purgeReason !== undefined) await lease.purge(this.#purgeReason);
      await lease.dispose();
    }
  }

  /** Returns whether a container may still write to them: its removal fails too if the engine was lost. */
  async #isContainerLeft(): Promise<boolean> {
    const { taskId, runId, log } = this.#task;
    // Other containers of the run may still exist, but do not use its caches.
    const labels = { [LABEL.taskId]: taskId, [LABEL.runId]: String(runId), [LABEL.role]: 'task' };
    try {
      return (await this.#options.engine.findContainers(labels, new AbortController().signal)).length > 0;
    } catch (error) {
      log.warn('caches purged as their use is unknown', { error });
      return true;
    }
  }
}

/** Returns the part of a bind that follows the directory, including the colon. */
function bindSuffix(place: string): string {
  const { path, mode } = mountOf(place);
  return `:${mountPath(path)}${mode}`;
}

function exitPurgeReason({ exitCode, oomKilled }: StoppedContainer, { onExitStatus }: Payload): string | undefined {
  if (onExitStatus?.purgeCaches?.includes(exitCode)) return `exit code ${exitCode} is in onExitStatus.purgeCaches`;
  return oomKilled === undefined ? 'Docker did not report how its container ended' : undefined;
}

function killPurgeReason({ oomKilled }: StoppedContainer, end: ContainerEnd): string | undefined {
  if (oomKilled === true) return 'a process in its container was killed for using too much memory';
  return end === 'killed' ? KILLED : undefined;
}
