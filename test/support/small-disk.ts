import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Context } from 'mocha';
import { skipBecause } from './skip-because.js';
import { until } from './until.js';

const run = promisify(execFile);

/** A file system of its own in memory, so that how much room is left on it is known. */
export class SmallDisk {
  readonly directory: string;

  private constructor(directory: string) {
    this.directory = directory;
  }

  /** Skips what `context` is of on machines that let nobody mount anything. */
  static async mount(context: Context, megabytes: number): Promise<SmallDisk> {
    try {
      return await SmallDisk.create(megabytes);
    } catch (error) {
      skipBecause(context, `this machine lets nobody mount a small file system: ${String(error)}`);
    }
  }

  /** The same where there is no test that could be skipped: fails on such machines. */
  static async create(megabytes: number): Promise<SmallDisk> {
    const directory = await mkdtemp(join(tmpdir(), 'small-disk-'));
    try {
      await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', directory]);
    } catch (error) {
      await rm(directory, { recursive: true });
      throw error;
    }
    return new SmallDisk(directory);
  }

  /** Waits for a moment in which nobody has a file open for writing: the system refuses it until then. */
  async makeReadOnly(): Promise<void> {
    await until('no file is open for writing', async () => {
      try {
        await run('mount', ['-o', 'remount,ro', this.directory]);
        return true;
      } catch (error) {
        if (!String(error).includes('busy')) throw error;
        return false;
      }
    });
  }

  async makeWritable(): Promise<void> {
    await run('mount', ['-o', 'remount,rw', this.directory]);
  }

  async unmount(): Promise<void> {
    await run('umount', [this.directory]);
    await rm(this.directory, { recursive: true });
  }
}
