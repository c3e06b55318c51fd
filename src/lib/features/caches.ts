import type { CacheUser } from '../caches/hand-over.js';
import type { CacheLease } from '../caches/volume-cache.js';
import { LABEL } from '../docker/engine.js';
import type { DockerEngine, StoppedContainer } from '../docker/engine.js';
import { orForPool } from '../queue/scopes.js';
import { NO_EXIT_CODE } from '../task/exit-verdict.js';
import { mountOf, mountPath } from '../caches/mount-path.js';
import type { Payload } from '../task/payload.js';
import { TaskStopped } from '../outcome/errors.js';
import type { Resolution } from '../outcome/resolution.js';
import { resolutionName } from '../outcome/resolution.js';
import type { TaskContext } from '../task/task-context.js';
import { LinkedAbort } from '../util/linked-abort.js';
import type { ResourceStack } from '../util/resource-stack.js';
import type { ContainerEnd, Contribution, Feature, TaskFeature } from '../task/feature.js';

export interface CachesOptions {
  readonly caches: {
    acquire(name: string, user: CacheUser, signal: AbortSignal): Promise<CacheLease>;
    takeAgain(path: string, user: CacheUser): Promise<CacheLease>;
  };
  /** Carries out what was asked of the purge-cache service. */
  readonly purgeRequests: { apply(signal: AbortSignal): Promise<void> };
  readonly engine: Pick<DockerEngine, 'findContainers'>;
  /** Default: true. False: caches stay although their task was killed, which may have left half of something in them. */
  readonly purgeAfterKill?: boolean;
}

/** Mounts payload.cache: directories of this machine, each for one task at a time. */
export function cachesFeature(options: CachesOptions): Feature {
  return {
    name: 'caches',
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

const KILLED = 'its container did not end by itself';

/** The caches of one task. They are purged unless its container is known to have ended by itself, or that does not matter. */
class TaskCaches implements TaskFeature {
  readonly #task: TaskContext;
  readonly #options: CachesOptions;
  readonly #binds: readonly string[] | undefined;
  #leases: CacheLease[] = [];
  /** Why nobody should have them after this task; undefined: they are as its command left them. */
  #spoiled: string | undefined;
  #hasSucceeded = false;

  /** `binds`: those of a run that a worker which died had prepared, in the order of payload.cache. */
  constructor(task: TaskContext, options: CachesOptions, binds?: readonly string[]) {
    this.#task = task;
    this.#options = options;
    this.#binds = binds;
  }

  async prepare(resources: ResourceStack, signal: AbortSignal): Promise<Contribution> {
    // What people ask to purge while a task runs is purged after it.
    if (!this.#binds) await this.#options.purgeRequests.apply(signal);
    this.#leases = [];
    resources.defer('caches', () => this.#giveBack());
    signal.throwIfAborted();
    const together = new LinkedAbort(signal);
    const mounts = Object.entries(this.#task.payload.cache ?? {});
    // At once: a run that waits for several caches waits no longer than for the last of them.
    const leases = mounts.map(async ([name, place], i) => {
      try {
        return await this.#take(name, this.#directoryOf(place, i), together.signal);
      } catch (error) {
        together.abort(error);
        throw error;
      }
    });
    // Whatever comes of one, those that there are have to be given back.
    const settled = await Promise.allSettled(leases);
    together.dispose();
    this.#leases = settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    const paths = (await Promise.all(leases)).map(({ path }) => path);
    return { binds: mounts.map(([, place], i) => `${paths[i] ?? ''}${mountedAt(place)}`) };
  }

  /** Another instance than the one that the run's container has mounted would not be its cache. */
  async #take(name: string, directory: string | undefined, signal: AbortSignal): Promise<CacheLease> {
    const { caches } = this.#options;
    return await (directory === undefined
      ? caches.acquire(name, this.#task, signal)
      : caches.takeAgain(directory, this.#task));
  }

  /** The directory that the run had at this place; undefined for a run that has just begun. */
  #directoryOf(place: string, index: number): string | undefined {
    if (!this.#binds) return undefined;
    const bind = this.#binds[index];
    const end = mountedAt(place);
    if (bind?.endsWith(end) !== true) throw new TaskStopped('worker-shutdown');
    return bind.slice(0, -end.length);
  }

  started(): Promise<void> {
    // Unless `collect` knows better: after a cancel, or when the engine is lost, it isn't called.
    if (this.#purgesAfterKill) this.#spoiled = KILLED;
    return Promise.resolve();
  }

  collect(container: StoppedContainer, _signal: AbortSignal, end: ContainerEnd): Promise<void> {
    const { output, payload } = this.#task;
    this.#hasSucceeded = end === 'exit' && container.exitCode === 0;
    this.#spoiled =
      spoiledAnyway(container, payload) ?? (this.#purgesAfterKill ? spoiledByKill(container, end) : undefined);
    if (this.#spoiled !== undefined) {
      const names = this.#leases.map(({ name }) => `"${name}"`).join(', ');
      output.line(`Purging the caches of this task (${names}): ${this.#spoiled}.`);
    }
    return Promise.resolve();
  }

  /** A success whose artifacts could not be had counts as an exit code too. */
  finish(soFar: Resolution): Promise<void> {
    const { purgeCaches } = this.#task.payload.onExitStatus ?? {};
    const hasFailedSince = this.#hasSucceeded && !['completed', 'worker-shutdown'].includes(resolutionName(soFar));
    if (hasFailedSince && purgeCaches?.includes(NO_EXIT_CODE))
      this.#spoiled ??= `exit code ${NO_EXIT_CODE} is in onExitStatus.purgeCaches`;
    return Promise.resolve();
  }

  /** What people do in a shell is ended by a kill at any time, and is no task's work. */
  get #purgesAfterKill(): boolean {
    return this.#options.purgeAfterKill !== false || this.#task.payload.features?.['interactive'] === true;
  }

  async #giveBack(): Promise<void> {
    if (this.#leases.length > 0 && (await this.#isContainerLeft())) {
      this.#spoiled ??= 'its container could not be removed';
    }
    for (const lease of this.#leases) {
      if (this.#spoiled !== undefined) await lease.purge(this.#spoiled);
      await lease.dispose();
    }
  }

  /** Whether something may still write into them: removing a container that the engine lost fails too. */
  async #isContainerLeft(): Promise<boolean> {
    const { taskId, runId, log } = this.#task;
    // Other containers of the run may still be there, and have nothing to do with its caches.
    const labels = { [LABEL.taskId]: taskId, [LABEL.runId]: String(runId), [LABEL.role]: 'task' };
    try {
      return (await this.#options.engine.findContainers(labels, new AbortController().signal)).length > 0;
    } catch (error) {
      log.warn('caches purged as their use is unknown', { error });
      return true;
    }
  }
}

/** The end of a bind, from its colon on. */
function mountedAt(place: string): string {
  const { path, mode } = mountOf(place);
  return `:${mountPath(path)}${mode}`;
}

function spoiledAnyway({ exitCode, oomKilled }: StoppedContainer, { onExitStatus }: Payload): string | undefined {
  if (onExitStatus?.purgeCaches?.includes(exitCode)) return `exit code ${exitCode} is in onExitStatus.purgeCaches`;
  return oomKilled === undefined ? 'docker did not tell how its container ended' : undefined;
}

function spoiledByKill({ oomKilled }: StoppedContainer, end: ContainerEnd): string | undefined {
  if (oomKilled === true) return 'a process of its container was killed for memory';
  return end === 'killed' ? KILLED : undefined;
}
