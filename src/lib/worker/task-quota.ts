import { join } from 'node:path';
import type { Logger } from '../log/logger.js';
import { readStateFile, replaceStateFile } from '../util/state-file.js';

export interface TaskQuotaOptions {
  /** Tasks in the life of the worker, all its starts together. */
  readonly limit: number;
  readonly stateDir: string;
  readonly log: Logger;
}

/** The name and the content, a plain number, are those that generic-worker uses. */
const FILE = 'tasks-resolved-count.txt';

/** How many tasks a worker has resolved of those that it is there for. The count outlives the process. */
export class TaskQuota {
  readonly #options: TaskQuotaOptions;
  readonly #path: string;
  #resolved: number;
  #writing: Promise<void> = Promise.resolve();

  private constructor(options: TaskQuotaOptions, path: string, resolved: number) {
    this.#options = options;
    this.#path = path;
    this.#resolved = resolved;
  }

  /** Goes on with what the starts before have counted. A count that can't be read is none, with a warning. */
  static async open(options: TaskQuotaOptions): Promise<TaskQuota> {
    const path = join(options.stateDir, FILE);
    let resolved = 0;
    try {
      const text = ((await readStateFile(path)) ?? '0').trim();
      if (!/^\d{1,15}$/.test(text)) throw new Error('it is no number');
      resolved = Number(text);
    } catch (error) {
      options.log.warn('resolved task count not readable', { path, error });
    }
    return new TaskQuota(options, path, resolved);
  }

  /** How many more may be claimed while so many are under way. */
  left(running: number): number {
    return Math.max(0, this.#options.limit - this.#resolved - running);
  }

  /** One more is resolved. */
  count(): void {
    this.#resolved += 1;
    const resolved = this.#resolved;
    this.#options.log.info('tasks resolved so far', { resolved, left: this.left(0) });
    this.#writing = this.#writing.then(() => this.#write(resolved));
  }

  /** Resolves when the count is on the disk. Never fails. */
  async settle(): Promise<void> {
    await this.#writing;
  }

  async #write(resolved: number): Promise<void> {
    try {
      await replaceStateFile(this.#path, String(resolved));
    } catch (error) {
      this.#options.log.error('resolved task count not written', { path: this.#path, error });
    }
  }
}
