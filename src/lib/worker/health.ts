import type { DockerEngine } from '../docker/engine.js';
import type { Lack } from '../log/metrics-recorder.js';
import { withTimeout } from '../util/abortable.js';
import { errorMessage } from '../util/error-message.js';
import type { WorkerStats } from './worker-stats.js';

export interface HealthReport {
  /** stopping: the worker claims nothing more and lets its runs end; it is still healthy. */
  readonly status: 'ok' | 'stopping' | 'unhealthy';
  /** Why the worker can't do its work, as messages; empty unless it is unhealthy. */
  readonly problems: readonly string[];
  /** What the operator may want to check although this worker can't fix it. */
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
  /** The longest time of one attempt to claim, including the pause after it. */
  readonly claimMs: number;
  /** Why this worker has no capacity although some is configured; undefined if nothing is wrong. */
  readonly unusable: string | undefined;
  /** Returns messages about certificates and credentials that expire soon or have expired. */
  readonly ending: () => readonly string[];
  readonly pingTimeoutMs?: number;
}

// Claim attempts that may stay unanswered: one can get lost, and so can its retry.
const MISSED_CLAIMS = 3;
const PING_TIMEOUT_MS = 5000;
const LACKS: Readonly<Record<Lack, string>> = {
  'no-disk': 'the disk has no room for a task',
  'no-devices': 'all devices of a kind are in use',
};

/** Reports whether the worker can do its work. */
export class Health {
  readonly #options: HealthOptions;
  #ping: Promise<string | undefined> | undefined;

  constructor(options: HealthOptions) {
    this.#options = options;
  }

  /** Pings docker; takes at most five seconds. */
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

  /** Pings once for all callers at the same time. */
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
