import { EngineLostError } from '../docker/engine.js';
import type { ExceptionReason } from '../queue/queue-client.js';
import { causesOf } from '../util/causes-of.js';
import { TaskError, TaskStopped } from './errors.js';

/** How a run ends. `dropped`: it was resolved elsewhere, nothing is reported. */
export type Resolution =
  | { readonly kind: 'completed' }
  | { readonly kind: 'failed' }
  | { readonly kind: 'exception'; readonly reason: ExceptionReason }
  | { readonly kind: 'dropped' };

export const COMPLETED: Resolution = { kind: 'completed' };
export const FAILED: Resolution = { kind: 'failed' };
export const DROPPED: Resolution = { kind: 'dropped' };

export function exception(reason: ExceptionReason): Resolution {
  return { kind: 'exception', reason };
}

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
  return [...causesOf(error)].some((cause) => cause instanceof EngineLostError);
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

const GRAVITY: Record<Resolution['kind'], number> = { completed: 0, failed: 1, exception: 2, dropped: 3 };

/** The graver of two resolutions; between equals the first stays. */
export function graver(first: Resolution, second: Resolution): Resolution {
  return GRAVITY[second.kind] > GRAVITY[first.kind] ? second : first;
}

/** The resolution as the worker log and metrics name it. */
export function resolutionName(resolution: Resolution): string {
  return resolution.kind === 'exception' ? resolution.reason : resolution.kind;
}
