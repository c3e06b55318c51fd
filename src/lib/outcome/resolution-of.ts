import { causesOf } from '../util/causes-of.js';
import { TaskError, TaskStopped } from './errors.js';
import { DROPPED, exception } from './resolution.js';
import type { Resolution } from './resolution.js';
import { ServiceError } from './service-error.js';

/**
 * The one table from errors to resolutions. Whatever is not a task's own error is the worker's: internal-error, or
 * worker-shutdown when the engine went away, as the task can run on another worker then.
 */
export function resolutionOf(error: unknown): Resolution {
  const resolution = ownResolution(error);
  const isInternal = resolution.kind === 'exception' && resolution.reason === 'internal-error';
  return isInternal && isEngineLoss(error) ? exception('worker-shutdown') : resolution;
}

/** Whether the engine's going away is at the bottom of it. */
export function isEngineLoss(error: unknown): boolean {
  return [...causesOf(error)].some(
    (cause) => cause instanceof ServiceError && cause.service === 'docker' && cause.isLost,
  );
}

function ownResolution(error: unknown): Resolution {
  if (error instanceof TaskError) return error.resolution;
  if (error instanceof TaskStopped) {
    switch (error.reason) {
      case 'canceled':
        return DROPPED;
      case 'worker-shutdown':
        return exception('worker-shutdown');
      case 'reclaim-failed':
        return exception('internal-error');
    }
  }
  return exception('internal-error');
}
