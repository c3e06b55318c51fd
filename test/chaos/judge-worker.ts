import type { WorkerEvent } from '../stress/worker-process.js';
import type { Supervisor } from './supervisor.js';
import type { Disturbance, Timeline } from './timeline.js';

const ALERT = '[alert-operator] ';

/** Alerts that are right when one of these is what is the matter. */
const EXPLAINED_ALERTS: Readonly<Record<string, readonly Disturbance[]>> = {
  'diskspace threshold reached': ['disk full'],
  'files not writable': ['disk full'],
  'free disk space unknown': [],
  'task not resolved': ['queue fault', 'network refused', 'network silent'],
};
/** A worker may say so some time after: after the attempts that it makes, and when its log is read again. */
const ALERT_DELAY_MS = 30_000;

/** A worker may fail to start, and is started again, while it can't write or can't reach what it needs. */
const EXPLAINED_ENDS: readonly Disturbance[] = ['disk full'];
const START_MS = 15_000;

/** Of which there may be one in a run, whatever happens. How it was resolved is asked of the queue. */
const ONCE = ['claimed task', 'task run'];

/** What is wrong with what the worker did and said, apart from its tasks. */
export function workerProblems(worker: Supervisor, timeline: Timeline): readonly string[] {
  return [
    ...worker.ownEnds
      .filter(({ atMs }) => !timeline.hasAny(EXPLAINED_ENDS, atMs - START_MS, atMs))
      .map(({ how, complaints }) => `the worker ended by itself (${how}): ${complaints}`),
    ...(worker.hung > 0 ? [`the worker did not end after SIGQUIT, ${worker.hung} times`] : []),
    ...worker.complaints.map((text) => `the worker wrote to the standard error: ${text}`),
    ...worker.events.filter((event) => !isExplained(event, timeline)).map((event) => JSON.stringify(event)),
    ...repeated(worker.events),
  ];
}

function isExplained({ type, time }: WorkerEvent, timeline: Timeline): boolean {
  if (!type.startsWith(ALERT)) return true;
  const at = Date.parse(time);
  return timeline.hasAny(EXPLAINED_ALERTS[type.slice(ALERT.length)] ?? [], at - ALERT_DELAY_MS, at);
}

function repeated(events: readonly WorkerEvent[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const { type, taskId, runId } of events) {
    if (!ONCE.includes(type)) continue;
    const key = `"${type}" of ${taskId}/${String(runId)}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...counts].filter(([, count]) => count > 1).map(([key, count]) => `${key} ${count} times`);
}
