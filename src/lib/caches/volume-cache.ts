import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { GarbageSource } from '../gc/garbage-source.js';
import type { Logger } from '../log/logger.js';
import type { MetricsRecorder } from '../log/metrics-recorder.js';
import { untilAborted } from '../util/abortable.js';
import { CacheDirectory } from './cache-directory.js';
import { isCacheName } from './cache-name.js';
import { CacheState } from './cache-state.js';
import type { CacheInstance, CacheRecord } from './cache-state.js';
import { HandOver } from './hand-over.js';
import type { CacheUser } from './hand-over.js';
import { orphanedInstances } from './orphaned-instances.js';
import type { OrphanedInstance } from './orphaned-instances.js';
import { Trash } from './trash.js';

export interface VolumeCachesOptions {
  /** `cache.volumeCachePath`; used by this worker only. Created if missing. */
  readonly directory: string;
  readonly stateDir: string;
  readonly log: Logger;
  readonly metrics?: Pick<MetricsRecorder, 'cacheAcquired'>;
  readonly now: () => Date;
  /** `cache.releaseTimeout`: how long to wait for a directory whose run has ended. */
  readonly releaseTimeoutMs: number;
  /** Default: one in `directory`. */
  readonly trash?: Trash;
}

/** A directory of a cache that one run holds exclusively. */
export interface CacheLease {
  readonly name: string;
  /** `<name>::<uuid>` */
  readonly key: string;
  /** On this machine. */
  readonly path: string;
  /** Assigns this directory to no other run; it is deleted once it is released. Never throws. */
  purge(reason: string): Promise<void>;
  /** Releases the directory; nothing may use it any more. Calling it again has no effect; never throws. */
  dispose(): Promise<void>;
}

type Held = { -readonly [K in keyof CacheInstance]: CacheInstance[K] };

/** The worker's own directory next to those of the caches, whose names never begin with a dot. */
export const OWN_DIRECTORY = '.worker';

/**
 * Directories that stay on the machine from one task to the next. Each cache has as many instances,
 * `<directory>/<name>/<uuid>`, as tasks have used it concurrently; an instance is used by one task at a time. They
 * survive a restart of the worker. A purged instance is never assigned again: it is moved away at once, or when its
 * task releases it, and deleted in the background.
 */
export class VolumeCaches implements GarbageSource {
  readonly name = 'caches';
  readonly #directory: CacheDirectory;
  readonly #log: Logger;
  readonly #metrics: Pick<MetricsRecorder, 'cacheAcquired'> | undefined;
  readonly #now: () => Date;
  readonly #state: CacheState;
  readonly #trash: Trash;
  /** By key, least recently used first. */
  readonly #instances = new Map<string, Held>();
  readonly #handOver: HandOver<Held>;
  #orphans: OrphanedInstance[] = [];
  /** Instances in use when the previous worker died, until their runs take them again. */
  readonly #interrupted = new Set<Held>();
  #purgedUpTo: Date | undefined;

  private constructor(options: VolumeCachesOptions) {
    const { directory, stateDir, log, now } = options;
    this.#directory = new CacheDirectory(directory);
    this.#log = log;
    this.#metrics = options.metrics;
    this.#now = now;
    this.#state = new CacheState(stateDir);
    this.#handOver = new HandOver(options.releaseTimeoutMs);
    this.#trash = options.trash ?? new Trash({ directory: join(directory, OWN_DIRECTORY, 'trash'), log });
  }

  /** Loads the instances of the previous worker. Deletes nothing yet: containers of dead runs may still use some. */
  static async open(options: VolumeCachesOptions): Promise<VolumeCaches> {
    const caches = new VolumeCaches(options);
    const { purgedUpTo, instances } = await caches.#state.read(options.log);
    caches.#purgedUpTo = purgedUpTo;
    for (const instance of instances) {
      if (!(await caches.#directory.exists(instance))) continue;
      // Its task was killed when the worker died.
      const isPurged = instance.isPurged || instance.isInUse;
      const held: Held = { ...instance, isPurged, isInUse: false };
      caches.#instances.set(keyOf(instance), held);
      if (instance.isInUse && !instance.isPurged) caches.#interrupted.add(held);
    }
    // Now, because every later directory is in use.
    const known = new Set([...caches.#instances.values()].map((instance) => caches.#directory.pathOf(instance)));
    caches.#orphans = await orphanedInstances(options.directory, known, options.log);
    return caches;
  }

  /**
   * Deletes, in the background, purged instances and directories missing from the state: a worker that died could not
   * record them. Call it once no container of a dead run is left. Never throws.
   */
  async sweep(): Promise<void> {
    try {
      this.#interrupted.clear();
      await this.#trash.sweep();
      await this.#discardPurged();
      for (const facts of this.#orphans.splice(0)) {
        this.#log.info('cache volume purge', { ...facts, reason: 'left by a worker that died' });
        await this.#trash.discard(facts.path, () => {
          this.#log.info('cache volume removed', facts);
        });
      }
    } catch (error) {
      this.#log.error('cache cleanup failed', { path: this.#directory.path, error });
    }
  }

  /**
   * Acquires the most recently used free instance of the cache; else one whose run has ended, as soon as it is
   * released; else a new one. Rejects when the signal aborts, and with file system errors.
   */
  async acquire(name: string, user: CacheUser, signal: AbortSignal): Promise<CacheLease> {
    if (!isCacheName(name)) throw new Error(`${JSON.stringify(name)} is not a valid cache name`);
    const used = await this.#takeUsed(name, user, signal);
    const instance = used ?? (await this.#create(name));
    user.log.info(used ? 'cache volume hit' : 'cache volume miss', this.#factsOf(instance));
    this.#metrics?.cacheAcquired(used !== undefined);
    return this.#leaseOf(instance, user);
  }

  /**
   * Reacquires the instance at `path` for a run that held it when the previous worker died. Must be called before
   * `sweep`, which deletes the instances that no run takes again. Throws if no run held it.
   */
  async reacquire(path: string, user: CacheUser): Promise<CacheLease> {
    const instance = [...this.#interrupted].find((each) => this.#directory.pathOf(each) === path);
    if (!instance) throw new Error(`no run held the cache at ${path} when the worker died`);
    this.#interrupted.delete(instance);
    instance.isPurged = false;
    instance.isInUse = true;
    await this.#noteUse();
    user.log.info('cache volume reacquired', this.#factsOf(instance));
    return this.#leaseOf(instance, user);
  }

  /**
   * Marks the instances of a cache (or of all) created up to a time as purged; free ones are moved away at once. Never
   * throws.
   */
  async purge(name: string | undefined, before: Date, reason: string): Promise<void> {
    const old = [...this.#instances.values()].filter(
      (instance) => (name ?? instance.name) === instance.name && !instance.isPurged && instance.createdAt <= before,
    );
    await Promise.all(old.map((instance) => this.#purge(instance, reason, this.#log)));
  }

  /** All instances as they are now, the most recently used last. */
  get instances(): readonly CacheInstance[] {
    return [...this.#instances.values()].map((instance) => ({ ...instance }));
  }

  /** All purge requests made before this time have been applied; undefined: never checked. */
  get purgedUpTo(): Date | undefined {
    return this.#purgedUpTo;
  }

  async notePurgedUpTo(time: Date): Promise<void> {
    this.#purgedUpTo = time;
    await this.#save();
  }

  async collect(isDiskShort: () => Promise<boolean>, signal: AbortSignal): Promise<void> {
    await this.#discardPurged();
    await this.#trash.sweep();
    // Deletions in progress may free enough space.
    await untilAborted(this.#trash.drained(), signal);
    while (await isDiskShort()) {
      signal.throwIfAborted();
      const oldest = [...this.#instances.values()].find(({ isInUse, isPurged }) => !isInUse && !isPurged);
      if (!oldest) return;
      await this.#purge(oldest, 'the disk is short', this.#log);
      await untilAborted(this.#trash.drained(), signal);
    }
  }

  /** Waits at most `limitMs` for deletions in progress; the next worker continues with the rest. */
  async close(limitMs: number): Promise<void> {
    await this.#trash.close(limitMs);
  }

  async #takeUsed(name: string, user: CacheUser, signal: AbortSignal): Promise<Held | undefined> {
    for (;;) {
      const instance = this.#takeFree(name) ?? (await this.#handOver.wait(name, user, signal));
      if (!instance) return undefined;
      try {
        if (await this.#directory.exists(instance)) {
          await this.#noteUse();
          return instance;
        }
      } catch (error) {
        instance.isInUse = false;
        throw error;
      }
      this.#log.warn('cache volume missing', this.#factsOf(instance));
      this.#instances.delete(keyOf(instance));
    }
  }

  /** Synchronous, so that no other run takes the same one. */
  #takeFree(name: string): Held | undefined {
    const instance = [...this.#instances.values()].findLast(
      (each) => each.name === name && !each.isInUse && !each.isPurged,
    );
    if (instance) instance.isInUse = true;
    return instance;
  }

  async #create(name: string): Promise<Held> {
    const now = this.#now();
    const uuid = randomUUID();
    const instance: Held = { name, uuid, createdAt: now, lastUsedAt: now, isPurged: false, isInUse: true };
    this.#instances.set(keyOf(instance), instance);
    try {
      await this.#directory.make(instance);
      await this.#noteUse();
      return instance;
    } catch (error) {
      instance.isInUse = false;
      await this.#discard(instance);
      throw error;
    }
  }

  #leaseOf(instance: Held, { log, ended }: CacheUser): CacheLease {
    let isHeld = true;
    let hasLeft = (): void => undefined;
    const leave = (): void => {
      hasLeft = this.#handOver.leave(instance.name);
    };
    if (ended.aborted) leave();
    else ended.addEventListener('abort', leave, { once: true });
    return {
      name: instance.name,
      key: keyOf(instance),
      path: this.#directory.pathOf(instance),
      purge: async (reason) => {
        if (isHeld && !instance.isPurged) await this.#purge(instance, reason, log);
      },
      dispose: async () => {
        if (!isHeld) return;
        isHeld = false;
        ended.removeEventListener('abort', leave);
        try {
          await this.#release(instance, log);
        } finally {
          hasLeft();
        }
      },
    };
  }

  async #release(instance: Held, log: Logger): Promise<void> {
    instance.isInUse = false;
    instance.lastUsedAt = this.#now();
    // Moved to the end: the most recently used.
    this.#instances.delete(keyOf(instance));
    this.#instances.set(keyOf(instance), instance);
    log.info('cache volume release', this.#factsOf(instance));
    if (instance.isPurged) {
      await this.#discard(instance);
      return;
    }
    instance.isInUse = this.#handOver.pass(instance.name, instance);
    await this.#save();
  }

  async #purge(instance: Held, reason: string, log: Logger): Promise<void> {
    instance.isPurged = true;
    log.info('cache volume purge', { ...this.#factsOf(instance), reason });
    if (instance.isInUse) await this.#save();
    else await this.#discard(instance);
  }

  async #discardPurged(): Promise<void> {
    const purged = [...this.#instances.values()].filter(({ isInUse, isPurged }) => isPurged && !isInUse);
    await Promise.all(purged.map((instance) => this.#discard(instance)));
  }

  /** An instance that can't be moved stays recorded as purged and is retried by `collect`. */
  async #discard(instance: Held): Promise<void> {
    const facts = this.#factsOf(instance);
    try {
      await this.#trash.discard(facts.path, () => {
        this.#log.info('cache volume removed', facts);
      });
      this.#instances.delete(facts.key);
    } catch (error) {
      this.#log.error('resource not released', { what: 'cache', ...facts, error });
    }
    await this.#save();
  }

  /** Must not fail unnoticed: after a crash, an instance whose use is not on record would be assigned twice. */
  async #noteUse(): Promise<void> {
    await this.#state.write(() => this.#record);
  }

  get #record(): CacheRecord {
    // Until the sweep, runs that continue may still reacquire theirs, also after another crash.
    const instances = [...this.#instances.values()].map((each) =>
      this.#interrupted.has(each) ? { ...each, isPurged: false, isInUse: true } : each,
    );
    return { purgedUpTo: this.#purgedUpTo, instances };
  }

  async #save(): Promise<void> {
    try {
      await this.#state.write(() => this.#record);
    } catch (error) {
      this.#log.error('cache state not written', { error });
    }
  }

  #factsOf(instance: CacheInstance): { readonly key: string; readonly name: string; readonly path: string } {
    return { key: keyOf(instance), name: instance.name, path: this.#directory.pathOf(instance) };
  }
}

function keyOf({ name, uuid }: CacheInstance): string {
  return `${name}::${uuid}`;
}
