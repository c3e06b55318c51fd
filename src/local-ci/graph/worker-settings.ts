import { join } from 'node:path';
import { isTree } from '../../lib/config/layers.js';
import type { ConfigTree } from '../../lib/config/layers.js';

export interface WorkerSettingsOptions {
  readonly taskQueueId: string;
  /** The most tasks that the worker runs at once. */
  readonly capacity: number;
  readonly cacheDirectory: string | undefined;
  /** The user's own settings. */
  readonly settings: ConfigTree | undefined;
}

/** What belongs to the local Taskcluster and this worker, whatever the user's configuration is otherwise made for. */
const OWN_KEYS = ['rootUrl', 'taskcluster', 'workerId', 'dockerVolume', 'stateDir'];
const CANCEL_POLL_INTERVAL_MS = 250;
const CLAIM_POLL_INTERVAL_MS = 100;

/** Returns the settings of the worker for one task queue. */
export function workerSettings({
  taskQueueId,
  capacity,
  cacheDirectory,
  settings = {},
}: WorkerSettingsOptions): ConfigTree {
  const [provisionerId = '', workerType = ''] = taskQueueId.split('/');
  const defaults = {
    // The queue is in this process: frequent polling costs nothing, Ctrl-C ends tasks at once, and no task waits.
    task: { cancelPollInterval: CANCEL_POLL_INTERVAL_MS },
    taskQueue: { pollInterval: CLAIM_POLL_INTERVAL_MS },
    // The user is waiting: an image that can't be fetched is reported at once, and not after minutes of retries.
    dockerConfig: { maxAttempts: 1 },
    // Two workers must not use the same directory.
    ...(cacheDirectory !== undefined && {
      cache: { volumeCachePath: join(cacheDirectory, provisionerId, workerType) },
    }),
  };
  // The worker ends with the run, and neither before nor with the machine.
  const fixed = { provisionerId, workerType, capacity, numberOfTasksToRun: 0, shutdown: { enabled: false } };
  const given = Object.fromEntries(Object.entries(settings).filter(([key]) => !OWN_KEYS.includes(key)));
  return merged(merged(defaults, given), fixed);
}

/** Returns both trees as one; `upper` wins where both have a value. */
function merged(lower: ConfigTree, upper: ConfigTree): ConfigTree {
  const changes = Object.entries(upper).map(([key, value]) => {
    const below = lower[key];
    return [key, isTree(below) && isTree(value) ? merged(below, value) : value] as const;
  });
  return { ...lower, ...Object.fromEntries(changes) };
}
