import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { ConfigError } from '../config/config-error.js';
import { isTree } from '../config/layers.js';
import type { ConfigTree } from '../config/layers.js';
import { delay } from '../util/abortable.js';
import type { Host, TerminationNotice } from './host.js';

/**
 * A host that tests control by files in a folder, each of which may be missing: `configure` (JSON, configuration),
 * `nodeTermination` (any content is a notice to terminate now), `billingCycleUptime` (uptime in seconds).
 */
export class TestHost implements Host {
  readonly name = 'test';
  readonly #settingsDir: string;

  constructor(settingsDir: string) {
    this.#settingsDir = settingsDir;
  }

  async configure(): Promise<ConfigTree> {
    const text = await this.#setting('configure');
    if (text === '') return {};
    let values: unknown;
    try {
      values = JSON.parse(text);
    } catch (error) {
      throw new ConfigError([`${this.#file('configure')}: not valid JSON`], { cause: error });
    }
    if (isTree(values)) return values;
    throw new ConfigError([`${this.#file('configure')}: expected a map of settings`]);
  }

  async terminationNotices(
    onNotice: (notice: TerminationNotice) => void,
    pollIntervalMs: number,
    signal: AbortSignal,
  ): Promise<void> {
    while ((await this.#setting('nodeTermination')) === '') await delay(pollIntervalMs, signal);
    signal.throwIfAborted();
    onNotice({ reason: 'nodeTermination', finishTasks: false });
  }

  async uptimeSeconds(): Promise<number> {
    const text = await this.#setting('billingCycleUptime');
    const seconds = Number(text);
    if (Number.isFinite(seconds)) return seconds;
    throw new Error(`${this.#file('billingCycleUptime')}: expected a number of seconds, found ${JSON.stringify(text)}`);
  }

  shutdown(): Promise<void> {
    return Promise.resolve();
  }

  #file(name: string): string {
    return path.join(this.#settingsDir, name);
  }

  async #setting(name: string): Promise<string> {
    try {
      return (await readFile(this.#file(name), 'utf8')).trim();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
      throw error;
    }
  }
}
