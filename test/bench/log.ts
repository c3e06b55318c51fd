import { MiB, liveLogUrl, printedSha256, printing } from '../support/big-output.js';
import { TEST_IMAGE, shell } from '../support/test-task.js';
import { BareDocker, bareSpec } from './bare-container.js';
import type { Bench, BenchOptions, BenchResult } from './bench-result.js';
import { comparedTimes } from './compared-times.js';
import { MeasuredDaemon } from './measured-daemon.js';
import { MemoryWatch } from './memory-watch.js';
import { SlowReaders } from './slow-readers.js';
import { takingTurns } from './taking-turns.js';

const BLOCKS = 500;
/** Of the log that each side does before the first round. */
const WARM_BLOCKS = 50;
const READING = { readers: 20, bytesPerSecond: 1_000_000 };
/** A log that was kept in memory would be far beyond this; each reader may have a little of it. */
const MAX_RSS_GROWTH_MIB = 50;
const MAX_RSS_READER_MIB = 1;

interface Variant {
  readonly name: string;
  readonly target: number;
  readonly hasReaders: boolean;
}

/** How fast a container can print when the worker takes down what it prints. */
export const log: Bench = {
  description: `${BLOCKS} MiB of text through a terminal, without and with 20 slow readers, against a bare attach`,
  run: async (options) => [
    await measure({ name: 'log', target: 0.9, hasReaders: false }, options),
    await measure({ name: 'log-readers', target: 0.85, hasReaders: true }, options),
  ],
};

interface Logged {
  readonly ms: number;
  readonly growthMiB: number;
  /** Readers that did not get what was printed. */
  readonly misled: number;
}

async function measure({ name, target, hasReaders }: Variant, options: BenchOptions): Promise<BenchResult> {
  const docker = new BareDocker();
  const imageId = await docker.imageId(TEST_IMAGE);
  const runWorker = hasReaders ? runRead : runUnread;
  const runBare = (blocks: number): Promise<number> =>
    docker.use(bareSpec(imageId, shell(printing(blocks)).command), (_container, ranMs) => ranMs);
  const measured = await MeasuredDaemon.start();
  try {
    // A worker that has been up for long has done it before: what it needs is compiled, and in memory.
    await runWorker(measured, WARM_BLOCKS);
    await runBare(WARM_BLOCKS);
    const turns = await takingTurns(name, options, {
      worker: () => runWorker(measured, BLOCKS),
      bare: () => runBare(BLOCKS),
    });
    const boundMiB = MAX_RSS_GROWTH_MIB + (hasReaders ? READING.readers * MAX_RSS_READER_MIB : 0);
    const growthMiB = Math.max(...turns.map(({ worker }) => worker.growthMiB));
    const misled = turns.reduce((sum, { worker }) => sum + worker.misled, 0);
    const times = turns.map(({ worker: { ms }, bare }) => ({ worker: ms, bare }));
    return comparedTimes(times, {
      name,
      target,
      better: 'higher',
      isSound: growthMiB < boundMiB && misled === 0,
      labels: { worker: 'worker, container created to ended', bare: 'bare, container created to ended' },
      detail: {
        'growth of memory (RSS)': `${growthMiB} MiB at most, bound ${boundMiB} MiB`,
        ...(hasReaders && { 'readers that missed something': `${misled} of ${READING.readers} in each round` }),
        how: hasReaders
          ? 'readers of 1 MB/s until the task is resolved, then of any speed, in a process of their own; no log driver'
          : 'nobody reads the live log; no log driver on either side',
      },
    });
  } finally {
    await measured.stop();
  }
}

async function runUnread(measured: MeasuredDaemon, blocks: number): Promise<Logged> {
  const memory = await MemoryWatch.start(measured.daemon.worker);
  const ms = await measured.phaseMs('execute', printing(blocks));
  return { ms, growthMiB: memory.stop(), misled: 0 };
}

async function runRead(measured: MeasuredDaemon, blocks: number): Promise<Logged> {
  const { daemon, timeline } = measured;
  const readers = await SlowReaders.start({ ...READING, outputBytes: blocks * MiB });
  try {
    const memory = await MemoryWatch.start(daemon.worker);
    const taskId = await daemon.create(printing(blocks));
    readers.begin(await liveLogUrl(daemon, taskId));
    await measured.resolved(taskId);
    readers.hurry();
    const hashes = await readers.hashes();
    const growthMiB = memory.stop();
    const expected = printedSha256(blocks);
    const misled = READING.readers - hashes.filter((hash) => hash === expected).length;
    return { ms: timeline.phaseMs(taskId, 'execute'), growthMiB, misled };
  } finally {
    readers.kill();
  }
}
