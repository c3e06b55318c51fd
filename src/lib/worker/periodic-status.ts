import type { HostSample } from '../log/host-sample.js';
import type { Logger } from '../log/logger.js';
import { errorMessage } from '../util/error-message.js';
import type { WorkerStats } from './worker-stats.js';

export interface PeriodicStatusOptions {
  readonly stats: WorkerStats;
  readonly isStopping: () => boolean;
  readonly log: Logger;
  readonly sampleHost: () => Promise<HostSample>;
  readonly onHostSample: (sample: HostSample) => void;
  readonly alivenessIntervalMs: number;
  readonly hostIntervalMs: number;
}

interface UseAt {
  readonly uptimeSeconds: number;
  readonly busySlotSeconds: number;
}

/** Logs at regular intervals that the worker is alive, how busy its slots are and how its machine is doing. */
export class PeriodicStatus {
  readonly #options: PeriodicStatusOptions;
  #timers: readonly NodeJS.Timeout[] = [];
  #before: UseAt = { uptimeSeconds: 0, busySlotSeconds: 0 };

  constructor(options: PeriodicStatusOptions) {
    this.#options = options;
  }

  /** Starts; does not keep the process alive. */
  start(): void {
    const { alivenessIntervalMs, hostIntervalMs } = this.#options;
    void this.#reportHost();
    const aliveness = setInterval(() => {
      this.#reportAliveness();
    }, alivenessIntervalMs);
    const host = setInterval(() => {
      this.#reportEfficiency();
      void this.#reportHost();
    }, hostIntervalMs);
    this.#timers = [aliveness.unref(), host.unref()];
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer);
  }

  #reportAliveness(): void {
    const { stats, log, isStopping } = this.#options;
    const { capacity, running, uptimeSeconds, lastClaimWork, failures } = stats;
    log.info('aliveness check', {
      alive: true,
      state: isStopping() ? 'stopping' : 'working',
      capacity,
      running,
      free: Math.max(capacity - running, 0),
      uptimeSeconds: Math.round(uptimeSeconds),
      lastClaimWork: lastClaimWork?.toISOString(),
      claimFailures: failures,
    });
  }

  /** Logs how much of its capacity the worker used since the last report, and since its start. */
  #reportEfficiency(): void {
    const { stats, log } = this.#options;
    const { capacity, running, uptimeSeconds, busySlotSeconds } = stats;
    const before = this.#before;
    this.#before = { uptimeSeconds, busySlotSeconds };
    const periodSeconds = uptimeSeconds - before.uptimeSeconds;
    log.info('reporting efficiency', {
      capacity,
      running,
      periodSeconds: Math.round(periodSeconds),
      busyFraction: fraction(busySlotSeconds - before.busySlotSeconds, periodSeconds * capacity),
      busyFractionSinceStart: fraction(busySlotSeconds, uptimeSeconds * capacity),
    });
  }

  async #reportHost(): Promise<void> {
    const { sampleHost, onHostSample, log } = this.#options;
    try {
      const sample = await sampleHost();
      onHostSample(sample);
      log.info('host metrics', { ...sample });
    } catch (error) {
      log.warn('host metrics not available', { error: errorMessage(error) });
    }
  }
}

/** Returns part / whole, rounded to thousandths. */
function fraction(part: number, whole: number): number {
  return whole > 0 ? Math.round((part / whole) * 1000) / 1000 : 0;
}
