import { loadavg } from 'node:os';
import slugid from 'slugid';
import { withTimeout } from '../../src/lib/util/abortable.js';
import { LocalWorker } from '../../src/local-run/local-worker.js';
import { BareDocker, bareSpec } from './bare-container.js';
import { judged } from './bench-result.js';
import type { Bench, BenchOptions, BenchResult } from './bench-result.js';
import { nowhere } from './nowhere.js';
import { QueueProcess } from './queue-process.js';
import { spreadOf } from './spread.js';
import type { Spread } from './spread.js';
import { WorkerTimeline } from './worker-timeline.js';

const TARGET = 1.25;
const IMAGE = 'docker-worker/test:latest';
const COMMAND = ['true'];
const POOL = { provisionerId: 'local', workerType: 'bench' };
const TASKS = 5;
/** The first of each round makes connections that the others find; it is not counted, on neither side. */
const WARM_UP = 1;
const ROUND_TIMEOUT_MS = 120_000;
const MINUTE_MS = 60_000;

/** How much longer a task that does nothing takes through the worker than the same container takes by itself. */
export const overhead: Bench = {
  description: 'claim to resolution of a task that runs `true`, against its bare container',
  run: measureOverhead,
};

interface Sample {
  readonly totalMs: number;
  /** By the name of the phase. */
  readonly phasesMs: ReadonlyMap<string, number>;
}

interface Round {
  readonly tasks: readonly Sample[];
  readonly containersMs: readonly number[];
}

async function measureOverhead({ rounds, progress }: BenchOptions): Promise<BenchResult> {
  const imageId = await new BareDocker().imageId(IMAGE);
  const taskcluster = await QueueProcess.start();
  try {
    const measured: Round[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      measured.push(await measureRound(round, taskcluster, imageId));
      progress(`overhead: round ${round} of ${rounds}`);
    }
    return compared(measured);
  } finally {
    await taskcluster.stop();
  }
}

/** Each side goes first as often as the other, so that a machine that slows down or speeds up favours none. */
async function measureRound(round: number, taskcluster: QueueProcess, imageId: string): Promise<Round> {
  if (round % 2 === 0) {
    const containersMs = await bareRound(imageId);
    return { tasks: await workerRound(taskcluster), containersMs };
  }
  const tasks = await workerRound(taskcluster);
  return { tasks, containersMs: await bareRound(imageId) };
}

function compared(rounds: readonly Round[]): BenchResult {
  const tasks = rounds.flatMap((round) => round.tasks);
  const worker = totalsOf(tasks);
  const bare = spreadOf(rounds.flatMap(({ containersMs }) => containersMs));
  const byRound = rounds.map((round) => totalsOf(round.tasks).medianMs / spreadOf(round.containersMs).medianMs);
  return judged({
    name: 'overhead',
    ratio: worker.medianMs / bare.medianMs,
    target: TARGET,
    better: 'lower',
    detail: {
      'worker, claimed to resolved': worker,
      'bare create to removed': bare,
      ...phaseSpreads(tasks),
      'ratio in each round': byRound.map((ratio) => ratio.toFixed(2)).join(' '),
      'load average at the end': loadavg()[0]?.toFixed(1) ?? '',
      how: `${COMMAND.join(' ')} in ${IMAGE}, one at a time; the queue runs in a process of its own`,
    },
  });
}

function totalsOf(tasks: readonly Sample[]): Spread {
  return spreadOf(tasks.map(({ totalMs }) => totalMs));
}

/** A worker of its own works off tasks that were all pending when it started: nobody else uses its process meanwhile. */
async function workerRound({ rootUrl, credentials, queue }: QueueProcess): Promise<readonly Sample[]> {
  const taskIds = Array.from({ length: WARM_UP + TASKS }, () => slugid.nice());
  for (const taskId of taskIds) await queue.createTask(taskId, definition());
  const timeline = new WorkerTimeline();
  const worker = await LocalWorker.start({
    rootUrl,
    credentials,
    settings: { ...POOL, capacity: 1 },
    env: process.env,
    log: timeline.log,
    version: 'bench',
    metricsOutput: nowhere(),
  });
  try {
    const allResolved = (signal: AbortSignal) => timeline.until('task resolved', taskIds.length, signal);
    await withTimeout(`working off ${taskIds.length} tasks`, ROUND_TIMEOUT_MS, allResolved);
  } finally {
    await worker.stop('graceful');
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

function definition(): Readonly<Record<string, unknown>> {
  const inMs = (fromNowMs: number): string => new Date(Date.now() + fromNowMs).toISOString();
  return {
    ...POOL,
    created: inMs(0),
    deadline: inMs(60 * MINUTE_MS),
    expires: inMs(120 * MINUTE_MS),
    payload: { image: IMAGE, command: COMMAND, maxRunTime: 60 },
    metadata: {
      name: 'bench',
      description: 'does nothing',
      owner: 'nobody@localhost.localdomain',
      source: 'http://localhost/',
    },
  };
}
