/** Why an artifact could not be downloaded. Holds no address: those are signed. */
export class DownloadError extends Error {
  override readonly name = 'DownloadError';
  /** HTTP status; undefined when there was no answer, or one that broke off. */
  readonly status: number | undefined;

  constructor(message: string, status: number | undefined) {
    super(message);
    this.status = status;
  }

  /** May succeed when tried again. */
  get retryable(): boolean {
    const { status } = this;
    // What was refused is refused again; an answer of less than 400 that is no use comes from somebody on the way.
    if (status === undefined || status < 400 || status >= 500) return true;
    return [408, 425, 429].includes(status);
  }
}
