import { lstat, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Trash } from '../../../src/lib/caches/trash.js';
import { VolumeCaches } from '../../../src/lib/caches/volume-cache.js';
import { MemoryLogger } from '../../fakes/memory-logger.js';

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

  get statePath(): string {
    return join(this.stateDir, 'caches.json');
  }

  async open(trash?: Trash): Promise<VolumeCaches> {
    const { directory, stateDir, log, now } = this;
    return await VolumeCaches.open({ directory, stateDir, log, now, ...(trash && { trash }) });
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
