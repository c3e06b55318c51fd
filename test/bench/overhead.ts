import slugid from 'slugid';
import { withTimeout } from '../../src/lib/util/abortable.js';
import { LocalWorker } from '../../src/local-run/local-worker.js';
import { QueueProcess } from '../support/queue-process.js';
import { TEST_IMAGE as IMAGE, testTask } from '../support/test-task.js';
import { BareDocker, bareSpec } from './bare-container.js';
import { judged } from './bench-result.js';
import type { Bench, BenchOptions, BenchResult } from './bench-result.js';
import { removeIfInterrupted } from './interruption.js';
import { nowhere } from './nowhere.js';
import { spreadOf } from './spread.js';
import type { Spread } from './spread.js';
import { takingTurns } from './taking-turns.js';
import type { Turn } from './taking-turns.js';
import { WorkerTimeline } from './worker-timeline.js';

const COMMAND = ['true'];
const TASKS = 5;
/** The first of each round makes connections that the others find; it is not counted, on neither side. */
const WARM_UP = 1;
const ROUND_TIMEOUT_MS = 120_000;

interface Variant {
  readonly name: string;
  readonly target: number;
  readonly features: Readonly<Record<string, true>>;
}

/** How much longer a task that does nothing takes through the worker than the same container takes by itself. */
export const overhead: Bench = {
  description: 'claim to resolution of a task that runs `true`, against its bare container',
  run: (options) => measureOverhead({ name: 'overhead', target: 1.15, features: {} }, options),
};

/** The same for a task that has the proxy; the bare container has none, and no network of its own. */
export const overheadProxy: Bench = {
  description: 'the same of a task with taskclusterProxy',
  run: (options) =>
    measureOverhead({ name: 'overhead-proxy', target: 1.5, features: { taskclusterProxy: true } }, options),
};

interface Sample {
  readonly totalMs: number;
  /** By the name of the phase. */
  readonly phasesMs: ReadonlyMap<string, number>;
}

async function measureOverhead(variant: Variant, options: BenchOptions): Promise<readonly BenchResult[]> {
  const imageId = await new BareDocker().imageId(IMAGE);
  const taskcluster = await QueueProcess.start();
  try {
    const turns = await takingTurns(variant.name, options, {
      worker: () => workerRound(taskcluster, variant),
      bare: () => bareRound(imageId),
    });
    return [compared(variant, turns)];
  } finally {
    await taskcluster.stop();
  }
}

function compared(
  { name, target }: Variant,
  turns: readonly Turn<readonly Sample[], readonly number[]>[],
): BenchResult {
  const tasks = turns.flatMap(({ worker }) => worker);
  const worker = totalsOf(tasks);
  const bare = spreadOf(turns.flatMap((turn) => turn.bare));
  return judged({
    name,
    ratio: worker.medianMs / bare.medianMs,
    target,
    better: 'lower',
    ratioByRound: turns.map((turn) => totalsOf(turn.worker).medianMs / spreadOf(turn.bare).medianMs),
    detail: {
      'worker, claimed to resolved': worker,
      'bare create to removed': bare,
      ...phaseSpreads(tasks),
      how: `${COMMAND.join(' ')} in ${IMAGE}, one at a time; the queue runs in a process of its own`,
    },
  });
}

function totalsOf(tasks: readonly Sample[]): Spread {
  return spreadOf(tasks.map(({ totalMs }) => totalMs));
}

/** A worker of its own works off tasks that were all pending when it started: nobody else uses its process meanwhile. */
async function workerRound(
  { rootUrl, credentials, queue }: QueueProcess,
  { features }: Variant,
): Promise<readonly Sample[]> {
  const taskIds = Array.from({ length: WARM_UP + TASKS }, () => slugid.nice());
  for (const taskId of taskIds) await queue.createTask(taskId, testTask({ features }));
  const timeline = new WorkerTimeline();
  const worker = await LocalWorker.start({
    rootUrl,
    credentials,
    settings: { capacity: 1 },
    env: process.env,
    log: timeline.log,
    version: 'bench',
    metricsOutput: nowhere(),
  });
  const forget = removeIfInterrupted(worker.config.workerId);
  try {
    const allResolved = (signal: AbortSignal) => timeline.until('task resolved', taskIds.length, signal);
    await withTimeout(`working off ${taskIds.length} tasks`, ROUND_TIMEOUT_MS, allResolved);
  } finally {
    await worker.stop('graceful');
    forget();
  }
  const claimed = timeline.of('claimed task').map(({ taskId = '' }) => taskId);
  return claimed.slice(WARM_UP).map((taskId) => sampleOf(taskId, timeline));
}

async function bareRound(imageId: string): Promise<readonly number[]> {
  const docker = new BareDocker();
  const spec = bareSpec(imageId, COMMAND);
  const timesMs: number[] = [];
  for (let n = 0; n < WARM_UP + TASKS; n += 1) timesMs.push(await docker.run(spec));
  return timesMs.slice(WARM_UP);
}

function sampleOf(taskId: string, timeline: WorkerTimeline): Sample {
  const events = timeline.ofTask(taskId);
  const claimed = events.find(({ event }) => event === 'claimed task');
  const resolved = events.find(({ event }) => event === 'task resolved');
  const state = resolved?.fields['taskState'];
  if (!claimed || !resolved || state !== 'completed') {
    throw new Error(`task ${taskId} was resolved ${String(state)}; only completed ones can be measured`);
  }
  const phases = events.filter(({ event, atMs }) => event === 'task phase' && atMs < resolved.atMs);
  // A line is written when a phase is entered: the one before ends there.
  const ends = [...phases.slice(1), resolved];
  const phasesMs = phases.map(
    ({ fields, atMs }, n) => [String(fields['phase']), (ends[n]?.atMs ?? atMs) - atMs] as const,
  );
  const beforeMs = (phases[0] ?? resolved).atMs - claimed.atMs;
  return { totalMs: resolved.atMs - claimed.atMs, phasesMs: new Map([['claimed', beforeMs], ...phasesMs]) };
}

function phaseSpreads(tasks: readonly Sample[]): Readonly<Record<string, Spread>> {
  const names = [...new Set(tasks.flatMap(({ phasesMs }) => [...phasesMs.keys()]))];
  return Object.fromEntries(
    names.map((name) => [`phase ${name}`, spreadOf(tasks.map(({ phasesMs }) => phasesMs.get(name) ?? 0))]),
  );
}
