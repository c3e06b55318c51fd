/** What the worker and its tasks depend on. */
export type Service = 'docker' | 'taskcluster' | 'artifact store' | 'download' | 'instance metadata' | 'sidecar';

export interface ServiceErrorOptions extends ErrorOptions {
  /** Whether the same request may succeed when it is sent again. Default: as `retryableStatus` has it. */
  readonly retryable?: boolean;
  /** The service went away; whether it has done what was asked is not known. Default: false. */
  readonly isLost?: boolean;
}

/** A service that the worker depends on refused a request, or did not answer it. `message` says what was asked. */
export class ServiceError extends Error {
  override readonly name: string = 'ServiceError';
  readonly service: Service;
  /** HTTP status as it was received; undefined: there was no answer, or no status says what is wrong. */
  readonly status: number | undefined;
  readonly retryable: boolean;
  readonly isLost: boolean;

  constructor(service: Service, message: string, status?: number, options: ServiceErrorOptions = {}) {
    const { retryable = retryableStatus(status, service), isLost = false, ...rest } = options;
    super(message, rest);
    this.service = service;
    this.status = status;
    this.retryable = retryable;
    this.isLost = isLost;
  }
}

/** Of the moment and not of the request: Request Timeout, Too Early, Too Many Requests. */
const PASSING_STATUSES: readonly number[] = [408, 425, 429];

/** Whether a failed request that was answered with this status (undefined: not at all) may succeed when it is sent again. */
export function retryableStatus(status: number | undefined, service?: Service): boolean {
  // A failure below 400 is an answer that makes no sense: a proxy or a portal on the way gave it, not the service.
  if (status === undefined || status < 400 || status >= 500) return true;
  // Taskcluster's 401 says nothing of scopes: clocks differ, or credentials ran out that are about to be renewed.
  return PASSING_STATUSES.includes(status) || (service === 'taskcluster' && status === 401);
}

/** Whether a service failed in a way that may be gone when it is asked again. Mistakes of our own are never retryable. */
export function isRetryable(error: unknown): boolean {
  return error instanceof ServiceError && error.retryable;
}

/** Whether it is an error of this service; with `statuses`: one that came with one of them. */
export function isErrorOf(error: unknown, service: Service, ...statuses: readonly number[]): error is ServiceError {
  if (!(error instanceof ServiceError) || error.service !== service) return false;
  return statuses.length === 0 || (error.status !== undefined && statuses.includes(error.status));
}
