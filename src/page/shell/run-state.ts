import { TASK_STATES } from '../api/types.js';
import type { TaskState } from '../api/types.js';

/** A run of a task, as the address of a page names it. */
export interface NamedRun {
  readonly taskId: string;
  readonly runId: number;
}

interface StatusAnswer {
  readonly status?: { readonly runs?: readonly { readonly state?: unknown; readonly reasonResolved?: unknown }[] };
}

/** How a run stands. */
export interface RunState {
  readonly state: TaskState;
  /** Why it was resolved so, if it was. */
  readonly reason: string | undefined;
  readonly isOver: boolean;
}

const UNFINISHED: readonly TaskState[] = ['unscheduled', 'pending', 'running'];

/** Returns the run that a query names, or undefined. */
export function namedRun(query: URLSearchParams): NamedRun | undefined {
  const taskId = query.get('taskId') ?? '';
  const runId = query.get('runId') ?? '';
  if (!/^[A-Za-z0-9_-]{22}$/.test(taskId) || !/^\d{1,3}$/.test(runId)) return undefined;
  return { taskId, runId: Number(runId) };
}

/** Asks the queue how a run stands; undefined if it does not say. */
export async function readRunState({ taskId, runId }: NamedRun, signal: AbortSignal): Promise<RunState | undefined> {
  const options = { headers: { 'X-Taskcluster-Page': '1' }, signal, cache: 'no-store' } as const;
  try {
    const response = await fetch(`/api/queue/v1/task/${taskId}/status`, options);
    if (!response.ok) return undefined;
    const { status } = (await response.json()) as StatusAnswer;
    return runStateOf(status?.runs?.[runId]);
  } catch {
    return undefined;
  }
}

/** Reads how a run stands; undefined for what is none. */
export function runStateOf(
  run: { readonly state?: unknown; readonly reasonResolved?: unknown } | undefined,
): RunState | undefined {
  const state = TASK_STATES.find((known) => known === run?.state);
  if (state === undefined) return undefined;
  const reason = typeof run?.reasonResolved === 'string' ? run.reasonResolved : undefined;
  return { state, reason, isOver: !UNFINISHED.includes(state) };
}
