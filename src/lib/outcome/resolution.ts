/** The reasons a queue takes for an exception (Taskcluster queue, reportException). */
export const EXCEPTION_REASONS = [
  'malformed-payload',
  'worker-shutdown',
  'internal-error',
  'resource-unavailable',
  'intermittent-task',
] as const;
export type ExceptionReason = (typeof EXCEPTION_REASONS)[number];

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

const SEVERITY: Record<Resolution['kind'], number> = { completed: 0, failed: 1, exception: 2, dropped: 3 };

/** The graver of two resolutions; between equals the first stays. */
export function worse(first: Resolution, second: Resolution): Resolution {
  return SEVERITY[second.kind] > SEVERITY[first.kind] ? second : first;
}

/** The resolution as the worker log and metrics name it. */
export function resolutionName(resolution: Resolution): string {
  return resolution.kind === 'exception' ? resolution.reason : resolution.kind;
}
