import type { RunContext } from './task-context.js';

type IdentifiedRun = Pick<RunContext, 'taskId' | 'runId' | 'worker' | 'definition'>;

/**
 * Returns the task's environment: payload.env overrides what features add, and the worker's own variables, which a task
 * may rely on, override both.
 */
export function taskEnv(
  run: IdentifiedRun,
  fromFeatures: Readonly<Record<string, string>>,
  fromPayload: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  return { ...fromFeatures, ...fromPayload, ...workersEnv(run) };
}

/** Returns the variables that the worker itself sets for every task. */
export function workersEnv({ taskId, runId, worker, definition }: IdentifiedRun): Readonly<Record<string, string>> {
  const { taskGroupId } = definition;
  return {
    TASK_ID: taskId,
    RUN_ID: String(runId),
    // A task without a group is the first of its own group.
    TASK_GROUP_ID: typeof taskGroupId === 'string' ? taskGroupId : taskId,
    TASKCLUSTER_WORKER_TYPE: worker.workerType,
    TASKCLUSTER_WORKER_POOL: `${worker.provisionerId}/${worker.workerType}`,
    TASKCLUSTER_INSTANCE_TYPE: worker.instanceType,
    TASKCLUSTER_WORKER_GROUP: worker.workerGroup,
    TASKCLUSTER_WORKER_LOCATION: worker.workerLocation,
    TASKCLUSTER_PUBLIC_IP: worker.publicIp,
    TASKCLUSTER_ROOT_URL: worker.rootUrl,
  };
}
