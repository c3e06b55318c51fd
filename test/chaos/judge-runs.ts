import type { RunStatus } from 'taskcluster-client';
import type { EndedTask } from './task-feed.js';
import { DISTURBANCES } from './timeline.js';
import type { Disturbance, Timeline } from './timeline.js';

/** Which endings, besides those that a task is made for, are right, and what must have happened then. */
const EXPLAINED_BY: Readonly<Record<string, readonly Disturbance[]>> = {
  // The queue has the task run again: it loses nothing but time. A killed worker is no reason: the next one goes on.
  'worker-shutdown': ['engine killed', 'engine stopped', 'container removed', 'containers pruned', 'disk full'],
  // The answer to a claim may not have been read.
  'claim-expired': ['worker killed', 'queue fault', 'network refused', 'network silent'],
  // What the task made is lost for good.
  'internal-error': ['container removed', 'containers pruned', 'disk full'],
};

/** What came of a task. */
export interface Judgement {
  /** Undefined when it ended as it should. */
  readonly problem: string | undefined;
  /** Its last run is one whose log and artifacts have to be there. */
  readonly isWhole: boolean;
}

/** Whether the runs of a task ended as they were to, but for those to which something was done. */
export function judgeRuns(
  { task: { name, kind, taskId }, status: { runs } }: EndedTask,
  timeline: Timeline,
): Judgement {
  const ends = runs.map(endOf);
  const own = runs.filter((run) => !isExplained(taskId, run, kind.ends, timeline)).map(endOf);
  // A run that was disturbed may have been the one that was to be retried.
  const isRight = kind.ends.join().endsWith(own.join());
  const last = runs.at(-1);
  return {
    problem: isRight ? undefined : `${name} ${taskId} ended ${ends.join(', ')} instead of ${kind.ends.join(', ')}`,
    isWhole: isRight && last !== undefined && ends.at(-1) === kind.ends.at(-1) && isWhole(last, timeline),
  };
}

/** A run that was canceled need not even have been claimed, and its worker may have died before it knew of it. */
function isWhole(run: RunStatus, timeline: Timeline): boolean {
  if (endOf(run) !== 'canceled') return true;
  return (
    run.started !== undefined && !timeline.hasAny(DISTURBANCES, Date.parse(run.started), Date.parse(run.resolved ?? ''))
  );
}

/** Whether the run did not end as its task is made to, and something happened to it that explains how it did end. */
function isExplained(taskId: string, run: RunStatus, expected: readonly string[], timeline: Timeline): boolean {
  const end = endOf(run);
  const kinds = EXPLAINED_BY[end];
  if (!kinds || expected.includes(end)) return false;
  const [from, to] = [run.started, run.resolved].map((time) => Date.parse(time ?? ''));
  if (from === undefined || to === undefined) return false;
  return timeline.hasAny(kinds, from, to, `${taskId}/${run.runId}`);
}

function endOf({ state, reasonResolved }: RunStatus): string {
  return reasonResolved ?? state;
}
