import { lstat, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Trash } from '../../../src/lib/caches/trash.js';
import type { CacheUser } from '../../../src/lib/caches/hand-over.js';
import { VolumeCaches } from '../../../src/lib/caches/volume-cache.js';
import type { CacheLease } from '../../../src/lib/caches/volume-cache.js';
import { MemoryLogger } from '../../fakes/memory-logger.js';
import { MemoryOutput } from '../../fakes/memory-output.js';

/** A run that takes caches; it is at work until it ends. */
export class FakeCacheUser implements CacheUser {
  readonly output = new MemoryOutput();
  readonly log: MemoryLogger;
  readonly #end = new AbortController();
  readonly #stop = new AbortController();

  constructor(log: MemoryLogger) {
    this.log = log;
  }

  get ended(): AbortSignal {
    return this.#end.signal;
  }

  acquire(caches: VolumeCaches, name = 'a'): Promise<CacheLease> {
    return caches.acquire(name, this, this.#stop.signal);
  }

  /** Its end is about to be reported. */
  end(): void {
    this.#end.abort(new Error('the run has ended'));
  }

  /** Somebody stops it. */
  stop(reason: Error): void {
    this.#stop.abort(reason);
    this.#end.abort(reason);
  }
}

/** The bound on waiting, in tests of it. */
export const RELEASE_TIMEOUT_MS = 60_000;

/** Caches in a directory of their own, which worker after worker may open. */
export class CacheFixture {
  readonly root: string;
  readonly directory: string;
  readonly stateDir: string;
  readonly log = new MemoryLogger();
  /** A minute later at each look. */
  readonly now: () => Date;

  private constructor(root: string) {
    this.root = root;
    this.directory = join(root, 'caches');
    this.stateDir = root;
    let minutes = 0;
    this.now = () => new Date(Date.UTC(2026, 0, 1, 0, minutes++));
  }

  static async create(): Promise<CacheFixture> {
    return new CacheFixture(await mkdtemp(join(tmpdir(), 'caches-')));
  }

  /** With caches of a worker, the first. */
  static async opened(): Promise<{ readonly fixture: CacheFixture; readonly caches: VolumeCaches }> {
    const fixture = await CacheFixture.create();
    await mkdir(fixture.directory);
    return { fixture, caches: await fixture.open() };
  }

  get statePath(): string {
    return join(this.stateDir, 'caches.json');
  }

  async open(trash?: Trash, releaseTimeoutMs = RELEASE_TIMEOUT_MS): Promise<VolumeCaches> {
    const { directory, stateDir, log, now } = this;
    return await VolumeCaches.open({
      directory,
      stateDir,
      log,
      now,
      releaseTimeoutMs,
      ...(trash && { trash }),
    });
  }

  user(): FakeCacheUser {
    return new FakeCacheUser(this.log);
  }

  /** The keys of all records of an event. */
  keys(event: string): readonly unknown[] {
    return this.log.of(event).map(({ fields }) => fields['key']);
  }

  async remove(): Promise<void> {
    await rm(this.root, { recursive: true, force: true });
  }
}

export async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
