import { statfs } from 'node:fs/promises';
import { cpus, loadavg, freemem, totalmem } from 'node:os';

/** How the machine does at a moment. */
export interface HostSample {
  /** Part of the time since the sample before (at first: since the machine came up) that its cores were busy, 0 to 1. */
  readonly cpuBusy: number;
  readonly load1: number;
  readonly memoryBytes: number;
  /** What programs could still have, the system's own caches given up. */
  readonly memoryAvailableBytes: number;
  readonly diskBytes: number;
  /** What is left for programs without special rights. */
  readonly diskFreeBytes: number;
}

interface CpuTimes {
  readonly idle: number;
  readonly total: number;
}

/** Takes samples of this machine; the disk is the one that `path` is on. */
export class HostSampler {
  readonly #path: string;
  readonly #readCpuTimes: () => CpuTimes;
  #before: CpuTimes = { idle: 0, total: 0 };

  constructor(path: string, readCpuTimes: () => CpuTimes = cpuTimes) {
    this.#path = path;
    this.#readCpuTimes = readCpuTimes;
  }

  /** Fails when the path is gone. */
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
