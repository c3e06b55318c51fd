/** The services that the worker and its tasks depend on. */
export type Service = 'docker' | 'taskcluster' | 'artifact store' | 'download' | 'instance metadata' | 'sidecar';

export interface ServiceErrorOptions extends ErrorOptions {
  /** Whether the same request may succeed if it is sent again. Default: as `retryableStatus` decides. */
  readonly retryable?: boolean;
  /** The service was lost; whether it carried out the request is not known. Default: false. */
  readonly isLost?: boolean;
}

/** A service that the worker depends on refused a request or did not answer it. `message` says what was requested. */
export class ServiceError extends Error {
  override readonly name: string = 'ServiceError';
  readonly service: Service;
  /** The HTTP status received; undefined without an answer, or if no status describes the problem. */
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

/** Statuses that do not depend on the request itself: Request Timeout, Too Early, Too Many Requests. */
const PASSING_STATUSES: readonly number[] = [408, 425, 429];

/** Returns whether a request that failed with this status (undefined: without an answer) may succeed if sent again. */
export function retryableStatus(status: number | undefined, service?: Service): boolean {
  // A failure with a status below 400 makes no sense: it comes from a proxy or portal in between, not the service.
  if (status === undefined || status < 400 || status >= 500) return true;
  // Taskcluster's 401 is not about scopes: clocks differ, or credentials expired that are about to be renewed.
  return PASSING_STATUSES.includes(status) || (service === 'taskcluster' && status === 401);
}

/** Returns whether a service failed in a way that a retry may overcome. The worker's own bugs are never retryable. */
export function isRetryable(error: unknown): boolean {
  return error instanceof ServiceError && error.retryable;
}

/** Returns whether `error` came from this service and, if `statuses` are given, with one of them. */
export function isErrorOf(error: unknown, service: Service, ...statuses: readonly number[]): error is ServiceError {
  if (!(error instanceof ServiceError) || error.service !== service) return false;
  return statuses.length === 0 || (error.status !== undefined && statuses.includes(error.status));
}
