import slugid from 'slugid';
import { withTimeout } from '../../src/lib/util/abortable.js';
import { TEST_IMAGE, testTask } from '../support/test-task.js';
import { BareDocker, bareSpec } from './bare-container.js';
import { judged } from './bench-result.js';
import type { Bench, BenchOptions, BenchResult } from './bench-result.js';
import { inLanes } from './in-lanes.js';
import { MeasuredDaemon } from './measured-daemon.js';
import { medianOf, spreadOf } from './spread.js';

const TASKS = 2000;
const TENTH = TASKS / 10;
/** In the tenths that are measured, so many tasks and so many bare containers take turns. */
const BATCH = 20;
const TARGET = 1.1;
const TARGET_RSS = 1.2;
const COMMAND = ['true'];
const CREATING_AT_ONCE = 8;
const TASK_TIMEOUT_MS = 30_000;

/** Whether a worker becomes slower or larger with what it has done. */
export const scale: Bench = {
  description: `the last tenth of ${TASKS} tasks against the first, each against bare containers beside it; once only`,
  run: measureScale,
};

interface Batch {
  /** For each task, first claim to last resolution. */
  readonly taskMs: number;
  readonly containerMs: number;
  readonly rssMiB: number;
}

async function measureScale({ progress }: BenchOptions): Promise<readonly BenchResult[]> {
  const docker = new BareDocker();
  const spec = bareSpec(await docker.imageId(TEST_IMAGE), COMMAND);
  const measured = await MeasuredDaemon.start();
  const tenth = async (): Promise<readonly Batch[]> => {
    const batches: Batch[] = [];
    for (let done = 0; done < TENTH; done += BATCH) {
      const taskMs = (await workOff(measured, BATCH)) / BATCH;
      const rssMiB = await measured.daemon.worker.memoryMiB();
      batches.push({ taskMs, rssMiB, containerMs: (await docker.runMany(spec, BATCH, 1)) / BATCH });
    }
    return batches;
  };
  try {
    const first = await tenth();
    progress(`scale: ${TENTH} of ${TASKS} tasks`);
    for (let done = TENTH; done < TASKS - TENTH; done += TENTH) {
      await workOff(measured, TENTH);
      progress(`scale: ${done + TENTH} of ${TASKS} tasks`);
    }
    const last = await tenth();
    progress(`scale: ${TASKS} of ${TASKS} tasks`);
    return [comparedCost(first, last), comparedMemory(first, last)];
  } finally {
    await measured.stop();
  }
}

/** Returns the time between the first claim and the last resolution, in ms. */
async function workOff({ daemon, timeline }: MeasuredDaemon, tasks: number): Promise<number> {
  const before = timeline.of('task resolved').length;
  const taskIds = Array.from({ length: tasks }, () => slugid.nice());
  await inLanes(taskIds, CREATING_AT_ONCE, (taskId) => daemon.queue.createTask(taskId, testTask()));
  const all = (signal: AbortSignal) => timeline.until('task resolved', before + tasks, signal);
  await withTimeout(`working off ${tasks} tasks`, tasks * TASK_TIMEOUT_MS, all);
  const resolved = timeline.of('task resolved').slice(before);
  const odd = resolved.find(({ fields }) => fields['taskState'] !== 'completed');
  if (odd) throw new Error(`task ${odd.taskId} was resolved ${String(odd.fields['taskState'])}`);
  return (resolved.at(-1)?.atMs ?? 0) - (timeline.of('claimed task')[before]?.atMs ?? 0);
}

function comparedCost(first: readonly Batch[], last: readonly Batch[]): BenchResult {
  const costOf = ({ taskMs, containerMs }: Batch): number => taskMs / containerMs;
  const firstCost = medianOf(first.map(costOf));
  return judged({
    name: 'scale',
    ratio: medianOf(last.map(costOf)) / firstCost,
    target: TARGET,
    better: 'lower',
    ratioByRound: last.map((batch) => costOf(batch) / firstCost),
    detail: {
      'task, first tenth': spreadOf(first.map(({ taskMs }) => taskMs)),
      'task, last tenth': spreadOf(last.map(({ taskMs }) => taskMs)),
      'bare container, first tenth': spreadOf(first.map(({ containerMs }) => containerMs)),
      'bare container, last tenth': spreadOf(last.map(({ containerMs }) => containerMs)),
      how: `${COMMAND.join(' ')} in ${TEST_IMAGE}, capacity 1; in both tenths ${BATCH} tasks and ${BATCH} bare containers take turns`,
    },
  });
}

function comparedMemory(first: readonly Batch[], last: readonly Batch[]): BenchResult {
  const firstMiB = medianOf(first.map(({ rssMiB }) => rssMiB));
  const lastMiB = medianOf(last.map(({ rssMiB }) => rssMiB));
  return judged({
    name: 'scale-rss',
    ratio: lastMiB / firstMiB,
    target: TARGET_RSS,
    better: 'lower',
    ratioByRound: last.map(({ rssMiB }) => rssMiB / firstMiB),
    detail: {
      'memory (RSS), first tenth': `${firstMiB} MiB`,
      'memory (RSS), last tenth': `${lastMiB} MiB`,
      how: `median of the looks after every ${BATCH} tasks`,
    },
  });
}
