import os from 'node:os';
import type { Host } from './host.js';

/** A machine without a provider: configured only by files, without termination notices, left running at the end. */
export class StandaloneHost implements Host {
  readonly name = 'standalone';
  readonly #machineUptimeSeconds: () => number;

  constructor(machineUptimeSeconds: () => number = os.uptime) {
    this.#machineUptimeSeconds = machineUptimeSeconds;
  }

  configure(): Promise<Readonly<Record<string, never>>> {
    return Promise.resolve({});
  }

  terminationNotices(): Promise<void> {
    return Promise.resolve();
  }

  uptimeSeconds(): Promise<number> {
    return Promise.resolve(this.#machineUptimeSeconds());
  }

  shutdown(): Promise<void> {
    return Promise.resolve();
  }
}
