import { ServiceError, retryableStatus } from '../outcome/service-error.js';
import type { ServiceErrorOptions } from '../outcome/service-error.js';

interface ArtifactStoreErrorOptions extends ServiceErrorOptions {
  /** The store's own error code (S3's `<Code>`). */
  readonly code?: string | undefined;
  /** Default: according to status and code. */
  readonly wantsFreshUrl?: boolean;
}

/** The store refused the content. The message never contains the signed address, which grants write access. */
export class ArtifactStoreError extends ServiceError {
  override readonly name = 'ArtifactStoreError';
  readonly code: string | undefined;
  /** The address is no longer, or not yet, accepted; a new one may be. */
  readonly wantsFreshUrl: boolean;
  /** The error is not about the request: it ends at some time, and the store then accepts the same request. */
  readonly isOutage: boolean;

  constructor(message: string, status?: number, { code, ...options }: ArtifactStoreErrorOptions = {}) {
    const isExpired = status === 401 || status === 403 || code === 'ExpiredToken' || code === 'RequestExpired';
    const { wantsFreshUrl = isExpired, ...rest } = options;
    // S3 answers 400 if the connection was too slow.
    const isOutage = !wantsFreshUrl && (retryableStatus(status) || code === 'RequestTimeout');
    super('artifact store', message, status, { retryable: isOutage || wantsFreshUrl, ...rest });
    this.code = code;
    this.wantsFreshUrl = wantsFreshUrl;
    this.isOutage = isOutage;
  }

  /** The store never accepts such content, or such a name: the author has to change something. */
  get isAuthorError(): boolean {
    // S3's keys are limited to 1024 bytes, task and run included.
    return this.status === 413 || this.code === 'EntityTooLarge' || this.code === 'KeyTooLongError';
  }
}
