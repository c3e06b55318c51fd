import type { DockerEngine } from '../docker/engine.js';
import type { Lack } from '../log/metrics-recorder.js';
import { withTimeout } from '../util/abortable.js';
import { errorMessage } from '../util/error-message.js';
import type { WorkerStats } from './worker-stats.js';

export interface HealthReport {
  /** stopping: it claims nothing more and lets its runs end, which is well. */
  readonly status: 'ok' | 'stopping' | 'unhealthy';
  /** Why it can't do its work, in words; nothing unless it is unhealthy. */
  readonly problems: readonly string[];
  /** What somebody may want to look at although this worker can't help it. */
  readonly warnings: readonly string[];
  readonly capacity: number;
  readonly running: number;
  readonly uptimeSeconds: number;
  /** ISO 8601. */
  readonly lastClaimWork: string | undefined;
}

export interface HealthOptions {
  readonly engine: Pick<DockerEngine, 'ping'>;
  readonly stats: WorkerStats;
  readonly isStopping: () => boolean;
  /** The longest that one attempt to claim takes, with the pause after it. */
  readonly claimMs: number;
  /** Why this worker has no capacity although it should; undefined: it has, or should not. */
  readonly unusable: string | undefined;
  /** Certificates and credentials that end soon or have, in words. */
  readonly ending: () => readonly string[];
  readonly pingTimeoutMs?: number;
}

// Attempts that may go without an answer: one can get lost, and so can the one that is made after it.
const MISSED_CLAIMS = 3;
const PING_TIMEOUT_MS = 5000;
const LACKS: Readonly<Record<Lack, string>> = {
  'no-disk': 'the disk has no room for a task',
  'no-devices': 'all devices of a kind are in use',
};

/** Says whether the worker can do its work. */
export class Health {
  readonly #options: HealthOptions;
  #ping: Promise<string | undefined> | undefined;

  constructor(options: HealthOptions) {
    this.#options = options;
  }

  /** Asks docker, and takes five seconds at most. */
  async report(): Promise<HealthReport> {
    const { stats, isStopping, unusable } = this.#options;
    const docker = await this.#askDocker();
    const problems = [docker, unusable, this.#stuck()].filter((problem) => problem !== undefined);
    const { capacity, running, uptimeSeconds, lastClaimWork } = stats;
    return {
      status: problems.length > 0 ? 'unhealthy' : isStopping() ? 'stopping' : 'ok',
      problems,
      warnings: this.#warnings(),
      capacity,
      running,
      uptimeSeconds: Math.round(uptimeSeconds),
      lastClaimWork: lastClaimWork?.toISOString(),
    };
  }

  /** One question for all who want to know at the same time. */
  async #askDocker(): Promise<string | undefined> {
    const { engine, pingTimeoutMs = PING_TIMEOUT_MS } = this.#options;
    this.#ping ??= withTimeout('docker ping', pingTimeoutMs, (signal) => engine.ping(signal))
      .then(
        () => undefined,
        (error: unknown) => `docker does not answer: ${errorMessage(error)}`,
      )
      .finally(() => {
        this.#ping = undefined;
      });
    return await this.#ping;
  }

  #stuck(): string | undefined {
    const { stats, claimMs, isStopping } = this.#options;
    const { silentMs, capacity, running, lastFailure } = stats;
    if (isStopping() || silentMs <= MISSED_CLAIMS * claimMs) return undefined;
    const last = lastFailure === undefined ? '' : ` (last error: ${lastFailure})`;
    const seconds = Math.round(silentMs / 1000);
    return `no claimWork has been answered for ${seconds} s with ${capacity - running} of ${capacity} slots free${last}`;
  }

  #warnings(): readonly string[] {
    const { stats, ending } = this.#options;
    const { failures, lastFailure, lack } = stats;
    return [
      ...(lack === undefined ? [] : [`nothing is claimed: ${LACKS[lack]}`]),
      ...ending(),
      ...(lastFailure === undefined ? [] : [`the last ${failures} attempts to claim work failed: ${lastFailure}`]),
    ];
  }
}
