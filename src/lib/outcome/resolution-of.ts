import { causesOf } from '../util/causes-of.js';
import { TaskError, TaskStopped } from './errors.js';
import { DROPPED, exception } from './resolution.js';
import type { Resolution } from './resolution.js';
import { ServiceError } from './service-error.js';

/**
 * Maps errors to resolutions; no other code does. An error that is not the task's is the worker's: internal-error, or
 * worker-shutdown if the engine was lost, because the task can then run on another worker.
 */
export function resolutionOf(error: unknown): Resolution {
  const resolution = ownResolution(error);
  const isInternal = resolution.kind === 'exception' && resolution.reason === 'internal-error';
  return isInternal && isEngineLoss(error) ? exception('worker-shutdown') : resolution;
}

/** Returns whether the loss of the engine is among the causes. */
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
