import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Daemon } from '../support/daemon.js';
import type { Bench, BenchOptions, BenchResult } from './bench-result.js';
import { limited } from './limited.js';

const MAX_CPU_PERCENT = 0.5;
const MAX_RSS_MIB = 100;
const WATCHED_MS = 60_000;
/** What the start leaves to be done (collecting what was read, a first look at the machine) is not idleness. */
const SETTLING_MS = 10_000;

/** What a worker takes that has nothing to do. */
export const idle: Bench = {
  description: 'processor time and memory of a worker without tasks, over a minute each round',
  run: measureIdle,
};

async function measureIdle({ rounds, progress }: BenchOptions): Promise<readonly BenchResult[]> {
  const daemon = await Daemon.start();
  const percents: number[] = [];
  const memoriesMiB: number[] = [];
  try {
    const ticksPerSecond = await clockTicksPerSecond();
    await sleep(SETTLING_MS);
    for (let round = 1; round <= rounds; round += 1) {
      const startedAt = performance.now();
      const before = await ticksOf(daemon.worker.pid);
      await sleep(WATCHED_MS);
      const busyMs = (((await ticksOf(daemon.worker.pid)) - before) / ticksPerSecond) * 1000;
      percents.push((busyMs / (performance.now() - startedAt)) * 100);
      memoriesMiB.push(await daemon.worker.memoryMiB());
      progress(`idle: round ${round} of ${rounds}`);
    }
  } finally {
    await daemon.stop();
  }
  return [
    limited('idle-cpu', percents, {
      limit: MAX_CPU_PERCENT,
      unit: '% of a core',
      how: 'user and system time of the process, from /proc',
    }),
    limited('idle-rss', memoriesMiB, { limit: MAX_RSS_MIB, unit: 'MiB', how: 'VmRSS at the end of each minute' }),
  ];
}

/** User and system time so far. */
async function ticksOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // The name of the program comes second and may hold anything; the state, which is the third, follows its parenthesis.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

async function clockTicksPerSecond(): Promise<number> {
  const { stdout } = await promisify(execFile)('getconf', ['CLK_TCK']);
  return Number(stdout);
}
