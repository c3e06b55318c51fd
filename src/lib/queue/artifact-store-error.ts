import { ServiceError, retryableStatus } from '../outcome/service-error.js';
import type { ServiceErrorOptions } from '../outcome/service-error.js';

interface ArtifactStoreErrorOptions extends ServiceErrorOptions {
  /** The store's own word for the trouble (S3's `<Code>`). */
  readonly code?: string | undefined;
  /** Default: as status and code say. */
  readonly wantsFreshUrl?: boolean;
}

/** The store did not take the content. The message never holds the address, which is signed: whoever knows it can write. */
export class ArtifactStoreError extends ServiceError {
  override readonly name = 'ArtifactStoreError';
  readonly code: string | undefined;
  /** The address is no longer, or not yet, accepted; a new one may be. */
  readonly wantsFreshUrl: boolean;
  /** It says nothing of the request, so it ends some time, and the store takes the same then. */
  readonly isOutage: boolean;

  constructor(message: string, status?: number, { code, ...options }: ArtifactStoreErrorOptions = {}) {
    const isExpired = status === 401 || status === 403 || code === 'ExpiredToken' || code === 'RequestExpired';
    const { wantsFreshUrl = isExpired, ...rest } = options;
    // S3 answers 400 when the connection was too slow for it.
    const isOutage = !wantsFreshUrl && (retryableStatus(status) || code === 'RequestTimeout');
    super('artifact store', message, status, { retryable: isOutage || wantsFreshUrl, ...rest });
    this.code = code;
    this.wantsFreshUrl = wantsFreshUrl;
    this.isOutage = isOutage;
  }

  /** The store never takes such content from anybody, or under such a name: the author has to change something. */
  get isTheAuthors(): boolean {
    // S3's keys are limited to 1024 bytes, task and run included.
    return this.status === 413 || this.code === 'EntityTooLarge' || this.code === 'KeyTooLongError';
  }
}
