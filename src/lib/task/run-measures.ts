import type { ContainerUsage } from '../docker/engine.js';
import type { Logger } from '../log/logger.js';
import type { TaskOutput } from '../outcome/task-output.js';

/** What one run used and how long its parts took, for the last lines of its log. Reports only what was measured. */
export class RunMeasures {
  readonly #times = new Map<string, number>();
  readonly #now: () => number;
  #usage: ContainerUsage = {};

  /** `now` in milliseconds, from any starting point. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /**
   * Starts timing a part of the run, named as authors know it, that has lasted `sinceMs` already; the returned function
   * ends it.
   */
  start(part: string, sinceMs = 0): () => void {
    const startedAt = this.#now() - sinceMs;
    return () => {
      this.#times.set(part, this.#now() - startedAt);
    };
  }

  /** Times an operation, even if it fails. */
  async time<T>(part: string, operation: () => Promise<T>): Promise<T> {
    const stop = this.start(part);
    try {
      return await operation();
    } finally {
      stop();
    }
  }

  /** All values only grow: the highest of each is kept, in whatever order samples arrive. */
  addUsage(sample: ContainerUsage): void {
    const usage: Record<string, number> = { ...this.#usage };
    for (const [name, value] of Object.entries(sample as Record<string, number>)) {
      usage[name] = Math.max(value, usage[name] ?? 0);
    }
    this.#usage = usage;
  }

  /** Reports to the author and the operator. */
  report(output: TaskOutput, log: Logger): void {
    const lines = [resourcesLine(this.#usage), timesLine(this.#times)].filter((line) => line !== undefined);
    if (lines.length === 0) return;
    for (const line of lines) output.line(line);
    const times = [...this.#times].map(([part, ms]) => [`${part}Ms`, Math.round(ms)] as const);
    log.info('task resources', { ...this.#usage, ...Object.fromEntries(times) });
  }
}

function resourcesLine(usage: ContainerUsage): string | undefined {
  const said = [
    saidOf(usage.memoryPeakBytes, (value) => `peak memory ${inBytes(value)}`),
    saidOf(usage.cpuSeconds, (value) => `${value.toFixed(1)} CPU seconds`),
    saidOf(usage.readBytes, (value) => `${inBytes(value)} read from disk`),
    saidOf(usage.writtenBytes, (value) => `${inBytes(value)} written to disk`),
    saidOf(usage.receivedBytes, (value) => `${inBytes(value)} received`),
    saidOf(usage.sentBytes, (value) => `${inBytes(value)} sent`),
  ].filter((part) => part !== undefined);
  return said.length === 0 ? undefined : `Resources: ${said.join(', ')}`;
}

function timesLine(times: ReadonlyMap<string, number>): string | undefined {
  const said = [...times].map(([part, ms]) => `${part} ${(ms / 1000).toFixed(1)} s`);
  return said.length === 0 ? undefined : `Times: ${said.join(', ')}`;
}

function saidOf(value: number | undefined, inWords: (value: number) => string): string | undefined {
  return value === undefined ? undefined : inWords(value);
}

const UNITS = ['kB', 'MB', 'GB', 'TB'] as const;

function inBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`;
  let value = bytes / 1000;
  let unit = 0;
  // A value that would round to 1000.0 is shown in the next unit.
  while (value >= 999.95 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value.toFixed(1)} ${UNITS[unit] ?? ''}`;
}
