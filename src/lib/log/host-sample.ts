import { statfs } from 'node:fs/promises';
import { cpus, loadavg, freemem, totalmem } from 'node:os';

/** The machine's load at a moment. */
export interface HostSample {
  /** Fraction of the time since the previous sample (at first: since boot) that the cores were busy, 0 to 1. */
  readonly cpuBusy: number;
  readonly load1: number;
  readonly memoryBytes: number;
  /** The memory that programs can still get, including what the system's caches would release. */
  readonly memoryAvailableBytes: number;
  readonly diskBytes: number;
  /** The space left for programs without special rights. */
  readonly diskFreeBytes: number;
}

interface CpuTimes {
  readonly idle: number;
  readonly total: number;
}

/** Samples this machine; the disk is the one that holds `path`. */
export class HostSampler {
  readonly #path: string;
  readonly #readCpuTimes: () => CpuTimes;
  #before: CpuTimes = { idle: 0, total: 0 };

  constructor(path: string, readCpuTimes: () => CpuTimes = cpuTimes) {
    this.#path = path;
    this.#readCpuTimes = readCpuTimes;
  }

  /** Takes a sample. Throws if the path no longer exists. */
  async sample(): Promise<HostSample> {
    const { bsize, blocks, bavail } = await statfs(this.#path);
    const before = this.#before;
    const now = (this.#before = this.#readCpuTimes());
    const total = now.total - before.total;
    const busy = total > 0 ? 1 - (now.idle - before.idle) / total : 0;
    return {
      cpuBusy: Math.min(Math.max(busy, 0), 1),
      load1: loadavg()[0] ?? 0,
      memoryBytes: totalmem(),
      memoryAvailableBytes: freemem(),
      diskBytes: blocks * bsize,
      diskFreeBytes: bavail * bsize,
    };
  }
}

function cpuTimes(): CpuTimes {
  const sums = { idle: 0, total: 0 };
  for (const { times } of cpus()) {
    sums.idle += times.idle;
    sums.total += times.user + times.nice + times.sys + times.irq + times.idle;
  }
  return sums;
}
