import { join } from 'node:path';
import type { Logger } from '../log/logger.js';
import { readStateFile, replaceStateFile } from '../util/state-file.js';

export interface TaskQuotaOptions {
  /** The most tasks over all starts of the worker. */
  readonly limit: number;
  readonly stateDir: string;
  readonly log: Logger;
}

/** generic-worker uses the same name and the same content, a plain number. */
const FILE = 'tasks-resolved-count.txt';

/** Counts the tasks that the worker has resolved, up to a limit. The count outlives the process. */
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

  /** Continues from the count of previous starts. If that can't be read, warns and starts from 0. */
  static async open(options: TaskQuotaOptions): Promise<TaskQuota> {
    const path = join(options.stateDir, FILE);
    let resolved = 0;
    try {
      const text = ((await readStateFile(path)) ?? '0').trim();
      if (!/^\d{1,15}$/.test(text)) throw new Error('it is not a number');
      resolved = Number(text);
    } catch (error) {
      options.log.warn('resolved task count not readable', { path, error });
    }
    return new TaskQuota(options, path, resolved);
  }

  /** Returns how many more tasks may be claimed while `running` are under way. */
  left(running: number): number {
    return Math.max(0, this.#options.limit - this.#resolved - running);
  }

  /** Counts one more resolved task. */
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
