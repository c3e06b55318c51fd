import type { RunStatus } from '../../../../src/local-taskcluster/schemas/status-schemas.js';
import type { TaskView } from '../../../../src/local-taskcluster/server.js';

type Definition = TaskView['definition'];

/** A task as the queue has it: `runs` in their order, the last one decides its state. */
export function taskView(
  taskId: string,
  runs: readonly Partial<RunStatus>[] = [],
  definition: Partial<Definition> = {},
): TaskView {
  const whole: Definition = {
    provisionerId: 'local',
    workerType: 'docker',
    taskQueueId: 'local/docker',
    schedulerId: '-',
    projectId: 'none',
    taskGroupId: 'group',
    dependencies: [],
    requires: 'all-completed',
    routes: [],
    priority: 'lowest',
    retries: 5,
    created: '2026-11-30T00:00:00.000Z',
    deadline: '2026-12-01T00:00:00.000Z',
    expires: '2027-12-01T00:00:00.000Z',
    scopes: [],
    payload: { image: 'busybox', command: ['true'], maxRunTime: 60 },
    metadata: { name: `name of ${taskId}`, description: '', owner: 'me@example.com', source: 'https://example.com/' },
    tags: {},
    extra: {},
    ...definition,
  };
  const { provisionerId, workerType, taskQueueId, schedulerId, projectId, taskGroupId, priority } = whole;
  const statuses = runs.map((run, runId): RunStatus => ({
    runId,
    state: 'pending',
    reasonCreated: 'scheduled',
    scheduled: '2026-11-30T00:00:00.000Z',
    ...run,
  }));
  return {
    taskId,
    definition: whole,
    status: {
      ...{ taskId, provisionerId, workerType, taskQueueId, schedulerId, projectId, taskGroupId, priority },
      ...{ deadline: whole.deadline, expires: whole.expires, retriesLeft: 5 },
      state: statuses.at(-1)?.state ?? 'unscheduled',
      runs: statuses,
    },
  };
}

/** The same task with other runs. */
export function withRuns({ taskId, definition }: TaskView, ...runs: readonly Partial<RunStatus>[]): TaskView {
  return taskView(taskId, runs, definition);
}

export const PENDING: Partial<RunStatus> = { state: 'pending' };
export const RUNNING: Partial<RunStatus> = { state: 'running', started: '2026-11-30T00:00:01.000Z' };
export const COMPLETED: Partial<RunStatus> = {
  ...RUNNING,
  state: 'completed',
  reasonResolved: 'completed',
  resolved: '2026-11-30T00:00:03.500Z',
};
export const FAILED: Partial<RunStatus> = { ...COMPLETED, state: 'failed', reasonResolved: 'failed' };
export const CANCELED: Partial<RunStatus> = { ...COMPLETED, state: 'exception', reasonResolved: 'canceled' };
