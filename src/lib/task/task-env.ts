import type { WorkerFacts } from './task-context.js';

/**
 * The task's environment: payload.env over what features add, and over both what a task may rely on to be the worker's
 * word. A later layer replaces an earlier one's value.
 */
export function taskEnv(
  run: { readonly taskId: string; readonly runId: number; readonly worker: WorkerFacts },
  fromFeatures: Readonly<Record<string, string>>,
  fromPayload: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const { worker } = run;
  return {
    ...fromFeatures,
    ...fromPayload,
    TASK_ID: run.taskId,
    RUN_ID: String(run.runId),
    TASKCLUSTER_WORKER_TYPE: worker.workerType,
    TASKCLUSTER_WORKER_POOL: `${worker.provisionerId}/${worker.workerType}`,
    TASKCLUSTER_INSTANCE_TYPE: worker.instanceType,
    TASKCLUSTER_WORKER_GROUP: worker.workerGroup,
    TASKCLUSTER_WORKER_LOCATION: worker.workerLocation,
    TASKCLUSTER_PUBLIC_IP: worker.publicIp,
    TASKCLUSTER_ROOT_URL: worker.rootUrl,
  };
}
