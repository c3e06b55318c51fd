/** Why an artifact could not be downloaded. Holds no address: those are signed. */
export class DownloadError extends Error {
  override readonly name = 'DownloadError';
  /** HTTP status; undefined when there was no answer, or one that broke off. */
  readonly statusCode: number | undefined;

  constructor(message: string, statusCode: number | undefined) {
    super(message);
    this.statusCode = statusCode;
  }

  /** May succeed when tried again. */
  get isTransient(): boolean {
    const { statusCode } = this;
    // What was refused is refused again; an answer of less than 400 that is no use comes from somebody on the way.
    if (statusCode === undefined || statusCode < 400 || statusCode >= 500) return true;
    return [408, 425, 429].includes(statusCode);
  }
}
