/**
 * The store did not take the content. The message never holds the address, which is signed: whoever knows it can write.
 * `statusCode` is undefined when there was no answer.
 */
export class PutError extends Error {
  override readonly name = 'PutError';
  readonly statusCode: number | undefined;
  /** The store's own word for the trouble (S3's `<Code>`). */
  readonly code: string | undefined;

  constructor(message: string, statusCode: number | undefined, code: string | undefined) {
    super(message);
    this.statusCode = statusCode;
    this.code = code;
  }

  /** The address is no longer, or not yet, accepted; a new one may be. */
  get wantsFreshUrl(): boolean {
    if (this.statusCode === 401 || this.statusCode === 403) return true;
    return this.code === 'ExpiredToken' || this.code === 'RequestExpired';
  }

  get isTransient(): boolean {
    if (this.statusCode === undefined || this.statusCode >= 500) return true;
    if ([408, 425, 429].includes(this.statusCode)) return true;
    // S3 answers 400 when the connection was too slow for it.
    return this.code === 'RequestTimeout' || this.wantsFreshUrl;
  }

  /** The content is more than the store takes of anybody. */
  get isTooLarge(): boolean {
    return this.statusCode === 413 || this.code === 'EntityTooLarge';
  }
}
