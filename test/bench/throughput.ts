import slugid from 'slugid';
import type { Queue } from 'taskcluster-client';
import { withTimeout } from '../../src/lib/util/abortable.js';
import { QueueProcess } from '../support/queue-process.js';
import { TEST_IMAGE, testTask } from '../support/test-task.js';
import { WorkerProcess } from '../support/worker-process.js';
import { BareDocker, bareSpec } from './bare-container.js';
import type { Bench, BenchOptions, BenchResult } from './bench-result.js';
import { comparedTimes } from './compared-times.js';
import { inLanes } from './in-lanes.js';
import { removeIfInterrupted } from './interruption.js';
import { takingTurns } from './taking-turns.js';
import { WorkerTimeline } from './worker-timeline.js';

const TASKS = 100;
/** By the capacity of the worker, which is also the number of bare containers at a time. */
const TARGETS = [
  { capacity: 1, target: 0.85 },
  { capacity: 4, target: 0.9 },
];
const COMMAND = ['true'];
const ROUND_TIMEOUT_MS = 300_000;
const CREATING_AT_ONCE = 8;

/** How many of an engine's containers a second are left when tasks come of them. */
export const throughput: Bench = {
  description: `${TASKS} pending tasks at capacity 1 and 4, against as many bare containers, that many at a time`,
  run: async (options) => {
    const results: BenchResult[] = [];
    for (const { capacity, target } of TARGETS) results.push(await measure(capacity, target, options));
    return results;
  },
};

interface WorkedOff {
  readonly ms: number;
  readonly peakMiB: number;
}

async function measure(capacity: number, target: number, options: BenchOptions): Promise<BenchResult> {
  const name = `throughput-${capacity}`;
  const docker = new BareDocker();
  const spec = bareSpec(await docker.imageId(TEST_IMAGE), COMMAND);
  const taskcluster = await QueueProcess.start();
  try {
    const turns = await takingTurns(name, options, {
      worker: () => workOff(taskcluster, capacity),
      bare: () => docker.runMany(spec, TASKS, capacity),
    });
    const times = turns.map(({ worker, bare }) => ({ worker: worker.ms, bare }));
    return comparedTimes(times, {
      name,
      target,
      better: 'higher',
      labels: { worker: 'worker, first claim to last resolution', bare: 'bare, first create to last removal' },
      detail: {
        'tasks a second in each round': times.map(({ worker }) => perSecond(worker)).join(' '),
        'containers a second in each round': times.map(({ bare }) => perSecond(bare)).join(' '),
        'memory (RSS), peak': `${Math.max(...turns.map(({ worker }) => worker.peakMiB))} MiB`,
        how: `${COMMAND.join(' ')} in ${TEST_IMAGE}; a fresh worker each round, with the default configuration but for its capacity and folders`,
      },
    });
  } finally {
    await taskcluster.stop();
  }
}

/** All tasks are pending when the worker starts. */
async function workOff({ rootUrl, credentials, queue }: QueueProcess, capacity: number): Promise<WorkedOff> {
  await createTasks(queue);
  const timeline = new WorkerTimeline();
  const onLine = (line: string): void => {
    timeline.take(line);
  };
  const worker = await WorkerProcess.start({ rootUrl, credentials, settings: { capacity }, onLine });
  const forget = removeIfInterrupted(worker.workerId, () => worker.abandon());
  try {
    const allResolved = (signal: AbortSignal) => timeline.until('task resolved', TASKS, signal);
    await withTimeout(`working off ${TASKS} tasks`, ROUND_TIMEOUT_MS, allResolved);
    const resolved = timeline.of('task resolved');
    const odd = resolved.find(({ fields }) => fields['taskState'] !== 'completed');
    if (odd) throw new Error(`task ${odd.taskId} was resolved ${String(odd.fields['taskState'])}`);
    const ms = (resolved.at(-1)?.atMs ?? 0) - (timeline.of('claimed task')[0]?.atMs ?? 0);
    return { ms, peakMiB: await worker.program.peakMemoryMiB() };
  } finally {
    await worker.stop();
    forget();
  }
}

async function createTasks(queue: Queue): Promise<void> {
  const taskIds = Array.from({ length: TASKS }, () => slugid.nice());
  await inLanes(taskIds, CREATING_AT_ONCE, (taskId) => queue.createTask(taskId, testTask()));
}

function perSecond(ms: number): string {
  return ((TASKS / ms) * 1000).toFixed(2);
}
