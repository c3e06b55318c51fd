/** How often a failed attempt is repeated: for as long as the run may last, a few times, or not at all. */
export type Retries = 'unlimited' | 'few' | 'none';

/**
 * The store did not take the content. The message never holds the address, which is signed: whoever knows it can write.
 * `statusCode` is undefined when there was no answer.
 */
export class PutError extends Error {
  override readonly name = 'PutError';
  readonly status: number | undefined;
  /** The store's own word for the trouble (S3's `<Code>`). */
  readonly code: string | undefined;
  readonly #retries: Retries | undefined;

  /** `retries`: when status and code do not tell. */
  constructor(message: string, statusCode: number | undefined, code: string | undefined, retries?: Retries) {
    super(message);
    this.status = statusCode;
    this.code = code;
    this.#retries = retries;
  }

  /** The address is no longer, or not yet, accepted; a new one may be. */
  get wantsFreshUrl(): boolean {
    if (this.status === 401 || this.status === 403) return true;
    return this.code === 'ExpiredToken' || this.code === 'RequestExpired';
  }

  /** An outage ends some time. A store that refuses one fresh address after the other will refuse the next one too. */
  get retries(): Retries {
    if (this.#retries) return this.#retries;
    if (this.wantsFreshUrl) return 'few';
    if (this.status === undefined || this.status >= 500) return 'unlimited';
    if ([408, 425, 429].includes(this.status)) return 'unlimited';
    // S3 answers 400 when the connection was too slow for it.
    return this.code === 'RequestTimeout' ? 'unlimited' : 'none';
  }

  /** The store never takes such content from anybody, or under such a name: the author has to change something. */
  get isTheAuthors(): boolean {
    // S3's keys are limited to 1024 bytes, task and run included.
    return this.status === 413 || this.code === 'EntityTooLarge' || this.code === 'KeyTooLongError';
  }
}
