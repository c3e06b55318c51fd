import type { Logger } from '../log/logger.js';
import type { MetricsRecorder } from '../log/metrics-recorder.js';
import { delay, untilAborted } from '../util/abortable.js';
import { errorMessage } from '../util/error-message.js';
import { LinkedAbort } from '../util/linked-abort.js';
import type { GarbageSource } from './garbage-source.js';

export interface JanitorOptions {
  /** Collected in this order: objects that hold others (containers) come before what they hold (images, caches). */
  readonly sources: readonly GarbageSource[];
  readonly isDiskShort: () => Promise<boolean>;
  /** For log lines; undefined: it can't be read. */
  readonly freeBytes: () => Promise<number | undefined>;
  /** Milliseconds from the end of one collection to the next. */
  readonly intervalMs: number;
  readonly log: Logger;
  readonly metrics: Pick<MetricsRecorder, 'garbageCollected'>;
}

/** A source that takes longer continues in the next collection; the others must get their turn. */
const SOURCE_TIMEOUT_MS = 600_000;

/**
 * Collects garbage repeatedly, one collection at a time. An error in one source is logged and does not affect the
 * others.
 */
export class Janitor {
  readonly #options: JanitorOptions;
  readonly #stopped = new LinkedAbort();
  /** Sources that are still running, even if they timed out. */
  readonly #busy = new Set<GarbageSource>();
  #current: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #rounds: Promise<void> | undefined;

  constructor(options: JanitorOptions) {
    this.#options = options;
  }

  /** Collects at each interval until `stop`; the first collection begins within one interval. */
  start(): void {
    this.#rounds ??= this.#goRound();
  }

  /**
   * Runs a collection that begins after this call; never throws. All calls made during a collection share the next one:
   * the current one may already have passed what has just become removable.
   */
  collect(): Promise<void> {
    if (!this.#current) return this.#begin();
    this.#next ??= this.#current.then(() => {
      this.#next = undefined;
      return this.#begin();
    });
    return this.#next;
  }

  /** Aborts the collection in progress and waits for it to end. */
  async stop(): Promise<void> {
    this.#stopped.abort(new Error('the worker has ended'));
    await this.#rounds;
    await (this.#next ?? this.#current);
  }

  async #goRound(): Promise<void> {
    const { intervalMs, log } = this.#options;
    const { signal } = this.#stopped;
    try {
      // Workers that were started together should not all collect at the same time.
      await delay(Math.random() * intervalMs, signal);
      for (;;) {
        await (this.#current ?? this.#begin());
        await delay(intervalMs, signal);
      }
    } catch (error) {
      if (!signal.aborted) log.error('garbage collection stopped', { error });
    }
  }

  #begin(): Promise<void> {
    if (this.#stopped.signal.aborted) return Promise.resolve();
    this.#current = this.#collectAll().finally(() => {
      this.#current = undefined;
    });
    return this.#current;
  }

  async #collectAll(): Promise<void> {
    const { sources, isDiskShort, freeBytes, log, metrics } = this.#options;
    const { signal } = this.#stopped;
    const startedAt = performance.now();
    const before = await freeBytes();
    log.info('garbage collection started', { freeBytes: before, isDiskShort: await isDiskShort() });
    const failed: string[] = [];
    for (const source of sources) {
      if (signal.aborted) break;
      if (!(await this.#collectFrom(source))) failed.push(source.name);
    }
    const ms = Math.round(performance.now() - startedAt);
    metrics.garbageCollected(ms / 1000, failed.length === 0);
    log.info('garbage collection finished', {
      ms,
      freeBytes: await freeBytes(),
      ...(failed.length > 0 && { failed }),
    });
  }

  /** Returns true when the source completed. */
  async #collectFrom(source: GarbageSource): Promise<boolean> {
    const { isDiskShort, log } = this.#options;
    const facts = { source: source.name };
    if (this.#busy.has(source)) {
      log.warn('garbage source still busy', facts);
      return false;
    }
    const limit = new LinkedAbort(this.#stopped.signal);
    limit.abortAfter(SOURCE_TIMEOUT_MS, () => new Error(`it took longer than ${SOURCE_TIMEOUT_MS / 1000} s`));
    try {
      const collecting = source.collect(isDiskShort, limit.signal).finally(() => this.#busy.delete(source));
      this.#busy.add(source);
      await untilAborted(collecting, limit.signal);
      return true;
    } catch (error) {
      if (!this.#stopped.signal.aborted) {
        log.error('garbage collection failed', { ...facts, error: errorMessage(error) });
      }
      return false;
    } finally {
      limit.dispose();
    }
  }
}
