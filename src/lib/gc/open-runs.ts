import { LABEL } from '../docker/engine.js';
import type { Labels } from '../docker/engine.js';

interface RunId {
  readonly taskId: string;
  readonly runId: number;
}

/** Knows which runs of this worker are in progress. */
export interface OpenRuns {
  isOpen(run: RunId): boolean;
}

/** Returns the run that an engine object is labelled with; without such labels, one that is never open. */
export function runOf(labels: Labels): RunId {
  return { taskId: labels[LABEL.taskId] ?? '', runId: Number(labels[LABEL.runId]) };
}
