/** What the worker depends on. */
export type Service = 'docker' | 'taskcluster' | 'artifact store' | 'download';

export interface ServiceErrorOptions extends ErrorOptions {
  /** Whether the same request may succeed when it is sent again. */
  readonly retryable: boolean;
  /** The service went away; whether it has done what was asked is not known. Default: false. */
  readonly isLost?: boolean;
}

/** A service that the worker depends on refused a request, or did not answer it. `message` says what was asked. */
export class ServiceError extends Error {
  override readonly name: string = 'ServiceError';
  readonly service: Service;
  /** HTTP status; undefined: there was no answer, or it is not known. */
  readonly status: number | undefined;
  readonly retryable: boolean;
  readonly isLost: boolean;

  constructor(
    service: Service,
    message: string,
    status: number | undefined,
    { retryable, isLost = false, ...options }: ServiceErrorOptions,
  ) {
    super(message, options);
    this.service = service;
    this.status = status;
    this.retryable = retryable;
    this.isLost = isLost;
  }
}
