import type { DiskSpace } from '../gc/disk-space.js';
import type { Logger } from '../log/logger.js';
import type { RunHandle } from '../task/run.js';
import { untilAborted } from '../util/abortable.js';
import { LinkedAbort } from '../util/linked-abort.js';

export interface DiskAdmissionOptions {
  readonly disk: Pick<DiskSpace, 'freeBytes'>;
  /** What one task needs: `capacityManagement.diskspaceThreshold`. 0 turns the check off. */
  readonly thresholdBytes: number;
  /** The most runs at once. */
  readonly capacity: number;
  /** The least time between two collections for lack of room, unless a run ends or the level gets worse. */
  readonly retryMs: number;
  readonly log: Logger;
  readonly now: () => Date;
}

/** enough: room for all free slots; tight: for a task, but not for all slots; none: not even for one task. */
type Level = 'enough' | 'tight' | 'none';

const GRAVITY = { enough: 0, tight: 1, none: 2 } as const satisfies Record<Level, number>;
/** How long a claim waits for a collection before it checks again for room. */
const LOOK_AGAIN_MS = 5000;

/**
 * Tells how many tasks the disk has room for. Each free slot needs `thresholdBytes`; when less is free, the worker
 * claims only as many tasks as fit. Each keeps its share until it ends, because what it will write still looks free.
 */
export class DiskAdmission {
  readonly #options: DiskAdmissionOptions;
  #running = 0;
  /** Runs that are resolved but still hold their caches. */
  #leaving = 0;
  /** Runs that were claimed while disk space was short. */
  #sharing = 0;
  /** As of the last check. */
  #level: Level = 'enough';
  #freeBytes = 0;
  #isAlerted = false;
  #collection: Promise<void> | undefined;
  #mayCollectAt = 0;

  constructor(options: DiskAdmissionOptions) {
    this.#options = options;
  }

  /** Tells whether there is less room than the free slots need (one task, if none is free). False if unknown. */
  async isDiskShort(): Promise<boolean> {
    const { thresholdBytes, disk } = this.#options;
    if (thresholdBytes === 0) return false;
    const freeBytes = await disk.freeBytes();
    return freeBytes !== undefined && freeBytes < this.#neededBytes();
  }

  /** Counts a run, which holds its slot until it is resolved and its room until it is finished. */
  track(run: RunHandle): RunHandle {
    this.#running += 1;
    const share = this.#level === 'enough' ? 0 : 1;
    this.#sharing += share;
    void run.resolved.then(() => {
      this.#running -= 1;
      this.#leaving += 1;
    });
    void run.finished.then(() => {
      this.#sharing -= share;
      this.#leaving -= 1;
      // What it used can be collected now.
      this.#mayCollectAt = 0;
    });
    return run;
  }

  /**
   * Returns how many of `tasks` may be claimed now. Takes no longer than asking the file system, unless there is no
   * room for even one task: then it waits some seconds for a garbage collection. `collect` makes room and never fails.
   */
  async roomFor(tasks: number, collect: () => Promise<void>, signal: AbortSignal): Promise<number> {
    if (this.#options.thresholdBytes === 0) return tasks;
    const room = await this.#look(collect);
    if (room.level !== 'none') return Math.min(tasks, room.tasks);
    await this.#waitForCollection(signal);
    const roomNow = await this.#look(collect);
    // A collection could not free enough. While one is under way, or a run is leaving, more may still be freed.
    if (roomNow.level === 'none' && !this.#collection && this.#leaving === 0) this.#alert();
    return Math.min(tasks, roomNow.tasks);
  }

  #neededBytes(): number {
    const { thresholdBytes, capacity } = this.#options;
    return thresholdBytes * (Math.max(1, capacity - this.#running) + this.#sharing);
  }

  /** Returns how many tasks there is room for; updates the level and starts a collection when one is due. */
  async #look(collect: () => Promise<void>): Promise<{ readonly tasks: number; readonly level: Level | undefined }> {
    const { disk, thresholdBytes } = this.#options;
    const freeBytes = await disk.freeBytes();
    // A disk that can't be asked can't hold a task's files either. DiskSpace has logged the failure.
    if (freeBytes === undefined) return { tasks: 0, level: undefined };
    const level = this.#levelOf(freeBytes);
    this.#enter(level, freeBytes);
    if (level !== 'enough') this.#collectIfDue(collect);
    return { tasks: Math.max(0, Math.floor(freeBytes / thresholdBytes) - this.#sharing), level };
  }

  #levelOf(freeBytes: number): Level {
    if (freeBytes >= this.#neededBytes()) return 'enough';
    return freeBytes >= this.#options.thresholdBytes ? 'tight' : 'none';
  }

  #enter(level: Level, freeBytes: number): void {
    const { log, thresholdBytes } = this.#options;
    const previous = this.#level;
    this.#level = level;
    this.#freeBytes = freeBytes;
    if (GRAVITY[level] > GRAVITY[previous]) this.#mayCollectAt = 0;
    const facts = { freeBytes, thresholdBytes, running: this.#running };
    if (this.#isAlerted && level !== 'none') {
      this.#isAlerted = false;
      log.info('diskspace available again', facts);
    }
    if (level === 'tight' && previous === 'enough') log.info('disk space for fewer tasks', facts);
  }

  /** Alerts once, until there is room again. */
  #alert(): void {
    if (this.#isAlerted) return;
    this.#isAlerted = true;
    const { log, thresholdBytes } = this.#options;
    const advice =
      'No tasks are claimed until there is room at dockerVolume: the space is in use, or taken by other programs.';
    log.alert('diskspace threshold reached', { freeBytes: this.#freeBytes, thresholdBytes, advice });
  }

  #collectIfDue(collect: () => Promise<void>): void {
    const { now, retryMs } = this.#options;
    if (this.#collection || now().getTime() < this.#mayCollectAt) return;
    this.#mayCollectAt = now().getTime() + retryMs;
    this.#collection = collect().finally(() => {
      this.#collection = undefined;
    });
  }

  async #waitForCollection(signal: AbortSignal): Promise<void> {
    if (!this.#collection) return;
    const limit = new LinkedAbort(signal);
    limit.abortAfter(LOOK_AGAIN_MS, () => new Error('there may be room by now'));
    try {
      await untilAborted(this.#collection, limit.signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!limit.signal.aborted) throw error;
    } finally {
      limit.dispose();
    }
  }
}
