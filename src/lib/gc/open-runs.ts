import { LABEL } from '../docker/engine.js';
import type { Labels } from '../docker/engine.js';

interface RunId {
  readonly taskId: string;
  readonly runId: number;
}

/** Knows which runs of this worker are under way. */
export interface OpenRuns {
  isOpen(run: RunId): boolean;
}

/** The run that something of the engine's is labelled with; one that can't be open when it has no such labels. */
export function runOf(labels: Labels): RunId {
  return { taskId: labels[LABEL.taskId] ?? '', runId: Number(labels[LABEL.runId]) };
}
