import { padded, printable, widthOf } from './printable.js';
import type { Entry, Standing } from './task-board.js';
import { lastRun } from './last-run.js';

/** Returns the name of a task to show, by its id. */
export type ShownName = (taskId: string) => string;

const IMPLEMENTATION_LENGTH = 40;

/** Returns a task's state in one or two words: `running`, `skipped (generic-worker)`, `blocked by build`. */
export function stateWords(standing: Standing, shownName: ShownName): string {
  switch (standing.state) {
    case 'skipped':
      return `skipped (${printable(standing.implementation, IMPLEMENTATION_LENGTH)})`;
    case 'blocked':
      return `blocked by ${shownName(standing.by)}`;
    case 'exception':
      return `exception (${standing.reason})`;
    case 'unscheduled':
      return 'waiting for dependencies';
    case 'pending':
    case 'running':
    case 'completed':
    case 'failed':
      return standing.state;
  }
}

/** Returns the name of a task with its run, if that is not the first. */
export function nameWithRun(name: string, standing: Standing): string {
  return 'runId' in standing && standing.runId > 0 ? `${name} (run ${standing.runId})` : name;
}

/** Returns how long a run took, or has taken so far; undefined if it was not started. */
export function runMs(entry: Pick<Entry, 'view'>, now: Date): number | undefined {
  const run = lastRun(entry.view);
  if (run?.started === undefined) return undefined;
  const end = run.resolved === undefined ? now.getTime() : Date.parse(run.resolved);
  return Math.max(0, end - Date.parse(run.started));
}

/** Returns `0.8 s`, `12 s` or `3 min 5 s`. */
export function durationWords(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** Returns the lines of a table with aligned columns, two blanks between them. All cells are printable. */
export function tableLines(rows: readonly (readonly string[])[]): readonly string[] {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, widthOf(cell))));
  return rows.map((row) =>
    row
      .map((cell, i) => padded(cell, widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
