import type { Entry } from './task-board.js';
import { runMs } from './standing-words.js';
import type { ShownName } from './standing-words.js';

/** How a task ended, or why it did not run. */
export interface TaskResult {
  readonly taskId: string;
  /** As shown: one printable line, without secrets; not necessarily unique. */
  readonly name: string;
  /** `unscheduled`, `pending` and `running` remain only after an interruption. */
  readonly state: Entry['standing']['state'];
  /**
   * Why it is in that state: the exit code or the exception, the worker that there is none of here, the name of the task
   * that blocks it; empty when there is nothing to say.
   */
  readonly reason: string;
  /** The exit code of its command in its last run; undefined if the command did not finish. */
  readonly exitCode: number | undefined;
  /** How long its last run took; undefined without one. */
  readonly durationMs: number | undefined;
  /** The number of artifacts of its last run. */
  readonly artifacts: number;
  /** Path of the log of its last run; undefined if it has none. */
  readonly logFile: string | undefined;
}

/** What is known of a task besides its state. */
export interface RunFacts {
  readonly exitCode?: number | undefined;
  readonly artifacts?: number;
  readonly logFile?: string;
}

export interface Outcome {
  readonly shownName: ShownName;
  readonly facts: (taskId: string) => RunFacts;
  /** Why tasks that could have run were not started; undefined: none was left out. */
  readonly interrupted: 'canceled' | 'fail-fast' | undefined;
  readonly now: Date;
}

/** Returns the result of a task. */
export function taskResult(entry: Entry, { shownName, facts, interrupted, now }: Outcome): TaskResult {
  const { taskId } = entry.view;
  const { exitCode, artifacts = 0, logFile } = facts(taskId);
  const { state } = entry.standing;
  const reason = reasonOf(entry, { exitCode, interrupted, shownName });
  const durationMs = runMs(entry, now);
  return { taskId, name: shownName(taskId), state, reason, exitCode, durationMs, artifacts, logFile };
}

function reasonOf(
  { standing }: Entry,
  {
    exitCode,
    interrupted,
    shownName,
  }: Pick<Outcome, 'interrupted' | 'shownName'> & { readonly exitCode: number | undefined },
): string {
  switch (standing.state) {
    case 'exception':
      return standing.reason;
    case 'failed':
      return exitCode === undefined ? 'see its log' : `exit code ${exitCode}`;
    case 'skipped':
      return standing.implementation;
    case 'blocked':
      return shownName(standing.by);
    case 'unscheduled':
    case 'pending':
    case 'running':
      if (interrupted === 'canceled') return 'not run: canceled';
      return interrupted === 'fail-fast' ? 'not run: another task failed' : 'never scheduled';
    case 'completed':
      return '';
  }
}
