import { ApiError } from '../http/api-error.js';
import type { Endpoint } from '../http/endpoint.js';
import { MissingDependencies } from '../queue/dependencies.js';
import type { Dependency } from '../queue/dependencies.js';
import type { Queue } from '../queue/queue.js';
import { isObject } from './upstream-client.js';
import type { Json, UpstreamClient } from './upstream-client.js';
import { STATUSES, lookUp } from './upstream-lists.js';

interface Deps {
  readonly client: UpstreamClient;
  readonly queue: Queue;
}

const RESOLVED = ['completed', 'failed', 'exception'] as const;

/** Returns a createTask that accepts dependencies on tasks that are resolved upstream. */
export function createAfterUpstream(local: Endpoint, { client, queue }: Deps): Endpoint['run'] {
  return async (call) => {
    try {
      return await local.run(call);
    } catch (error) {
      if (!(error instanceof MissingDependencies)) throw error;
      await addDependencies(error.taskIds, { client, queue }, call.closed);
      return local.run(call);
    }
  };
}

/** Throws InputError unless upstream has all the tasks, and all of them are resolved. */
async function addDependencies(
  taskIds: readonly string[],
  { client, queue }: Deps,
  signal: AbortSignal,
): Promise<void> {
  const answers = await lookUp(client, STATUSES, taskIds, signal);
  const statuses = new Map(answers.map(({ taskId, status }) => [taskId, isObject(status) ? status : {}]));
  const unknown = taskIds.filter((taskId) => !statuses.has(taskId));
  if (unknown.length > 0) {
    const problem = `There are no tasks ${unknown.join(', ')}, neither here nor at ${client.rootUrl}`;
    throw new ApiError('InputError', `${problem}: create dependencies first.`);
  }
  for (const taskId of taskIds) {
    const status = statuses.get(taskId) ?? {};
    const dependency = dependencyOf(status);
    if (dependency) queue.addElsewhere(taskId, dependency);
    else {
      const problem = `The dependency ${taskId} is ${String(status['state'])} at ${client.rootUrl}`;
      throw new ApiError(
        'InputError',
        `${problem}, whose tasks can't be waited for here: create the task when it is done.`,
      );
    }
  }
}

/** Returns what the queue needs to know of a resolved task. */
function dependencyOf({ state, expires }: Json): Dependency | undefined {
  const resolved = RESOLVED.find((each) => each === state);
  return resolved && { state: resolved, expires: new Date(typeof expires === 'string' ? expires : 0) };
}
