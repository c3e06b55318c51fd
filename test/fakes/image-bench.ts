import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DockerEngine } from '../../src/lib/docker/engine.js';
import { ImageCache } from '../../src/lib/images/image-cache.js';
import { ImageRecords } from '../../src/lib/images/image-records.js';
import { ImageUses } from '../../src/lib/images/image-uses.js';
import { UnusedImages } from '../../src/lib/images/unused-images.js';
import { MemoryLogger } from './memory-logger.js';
import { MemoryMetrics } from './memory-metrics.js';

export interface ImageBenchOptions {
  readonly parallelFetches?: number;
  readonly expirationMs?: number;
  readonly wholeMachine?: boolean;
}

interface BenchDeps {
  readonly engine: DockerEngine;
  readonly clock: { nowMs: number };
  readonly log: MemoryLogger;
  readonly stateDir: string;
  readonly now: () => Date;
}

/** The cache of images and what collects its garbage, on any engine, with a clock and a state directory of their own. */
export class ImageBench {
  readonly log: MemoryLogger;
  readonly metrics = new MemoryMetrics();
  readonly stateDir: string;
  readonly cache: ImageCache;
  readonly imageRecords: ImageRecords;
  readonly garbage: UnusedImages;
  readonly #clock: { nowMs: number };

  private constructor(deps: BenchDeps, imageRecords: ImageRecords, options: ImageBenchOptions) {
    const { parallelFetches = 2, expirationMs = 1000, wholeMachine = false } = options;
    const uses = new ImageUses();
    this.log = deps.log;
    this.stateDir = deps.stateDir;
    this.#clock = deps.clock;
    this.imageRecords = imageRecords;
    this.cache = new ImageCache({ ...deps, metrics: this.metrics, imageRecords, uses, parallelFetches });
    this.garbage = new UnusedImages({ ...deps, imageRecords, uses, expirationMs, wholeMachine });
  }

  /** Stands still unless it is set. */
  get nowMs(): number {
    return this.#clock.nowMs;
  }

  set nowMs(nowMs: number) {
    this.#clock.nowMs = nowMs;
  }

  /** `stateDir`: of a bench before it, which is over. */
  static async open(engine: DockerEngine, options: ImageBenchOptions = {}, stateDir?: string): Promise<ImageBench> {
    const clock: { nowMs: number } = { nowMs: Date.now() };
    const deps: BenchDeps = {
      engine,
      clock,
      log: new MemoryLogger(),
      stateDir: stateDir ?? (await mkdtemp(join(tmpdir(), 'images-'))),
      now: () => new Date(clock.nowMs),
    };
    return new ImageBench(deps, await ImageRecords.open(deps), options);
  }

  /** Collects once; the disk is short until that many images are removed. Returns the names removed. */
  async collect(removalsWanted = 0): Promise<readonly string[]> {
    const before = this.log.of('image removed').length;
    const removed = (): number => this.log.of('image removed').length - before;
    const isDiskShort = (): Promise<boolean> => Promise.resolve(removed() < removalsWanted);
    await this.garbage.collect(isDiskShort, new AbortController().signal);
    return this.log
      .of('image removed')
      .slice(before)
      .map(({ fields }) => String(fields['image']));
  }

  async close(): Promise<void> {
    await this.imageRecords.flush();
    await rm(this.stateDir, { recursive: true, force: true });
  }
}
