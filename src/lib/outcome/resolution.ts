/** The reasons that the queue accepts for an exception (Taskcluster queue, reportException). */
export const EXCEPTION_REASONS = [
  'malformed-payload',
  'worker-shutdown',
  'internal-error',
  'resource-unavailable',
  'intermittent-task',
] as const;
export type ExceptionReason = (typeof EXCEPTION_REASONS)[number];

/** How a run ends. `dropped`: it was resolved elsewhere; nothing is reported. */
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

const SEVERITY: Record<Resolution['kind'], number> = { completed: 0, failed: 1, exception: 2, dropped: 3 };

/** Returns the more serious of two resolutions, or the first if they are equally serious. */
export function worse(first: Resolution, second: Resolution): Resolution {
  return SEVERITY[second.kind] > SEVERITY[first.kind] ? second : first;
}

/** Returns the name of a resolution in the worker's log and metrics. */
export function resolutionName(resolution: Resolution): string {
  return resolution.kind === 'exception' ? resolution.reason : resolution.kind;
}
