import { openSync, readSync } from 'node:fs';

/** What a clock shows, in ms since some moment. */
export interface ClockReading {
  readonly wallMs: number;
  /** CPU time that this thread has used. */
  readonly cpuMs: number;
}

export type ThreadClock = () => ClockReading;

const NS_PER_MS = 1e6;
const MAX_BYTES = 128;

/**
 * A clock for the calling thread alone: the garbage collector's helpers and other threads do not count. Linux shows the
 * figures in /proc; where they are missing, the CPU time of the whole process takes their place.
 */
export function threadClock(): ThreadClock {
  const file = openSchedstat();
  if (file === undefined) {
    return () => {
      const { user, system } = process.cpuUsage();
      return { wallMs: performance.now(), cpuMs: (user + system) / 1000 };
    };
  }
  const bytes = Buffer.alloc(MAX_BYTES);
  return () => {
    const [cpuNs] = bytes.toString('latin1', 0, readSync(file, bytes, 0, MAX_BYTES, 0)).split(' ');
    return { wallMs: performance.now(), cpuMs: Number(cpuNs) / NS_PER_MS };
  };
}

/** Opened by the thread itself, it stays that thread's. Kernels without the statistics show zeros. */
function openSchedstat(): number | undefined {
  try {
    const file = openSync('/proc/thread-self/schedstat', 'r');
    const bytes = Buffer.alloc(MAX_BYTES);
    return parseInt(bytes.toString('latin1', 0, readSync(file, bytes)), 10) > 0 ? file : undefined;
  } catch {
    return undefined;
  }
}
