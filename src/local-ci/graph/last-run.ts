import type { RunStatus } from '../../local-taskcluster/schemas/status-schemas.js';
import type { TaskView } from '../../local-taskcluster/server.js';

/** Returns the latest run; undefined for a task that has none yet. */
export function lastRun({ status }: Pick<TaskView, 'status'>): RunStatus | undefined {
  return status.runs.at(-1);
}
