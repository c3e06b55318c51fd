import { Slice } from './slice.js';

/** Where the reading of a log stands. */
export type ReaderState =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'reading' }
  /** The connection broke off, or there is no log yet; it is tried again. */
  | { readonly kind: 'waiting'; readonly reason: string; readonly retryMs: number }
  | { readonly kind: 'complete' }
  | { readonly kind: 'failed'; readonly reason: string };

export interface ReaderOptions {
  readonly url: string;
  /** Whether the run goes on, so that a log that is not there may yet come. Asked anew before each retry. */
  readonly isLive: () => boolean;
  readonly onBytes: (bytes: Uint8Array) => void;
  readonly onState: (state: ReaderState) => void;
  readonly fetch: (url: string, options: FetchOptions) => Promise<Response>;
  /** Resolves after a time in milliseconds, or when the signal is aborted. */
  readonly delay: (ms: number, signal: AbortSignal) => Promise<void>;
}

const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 15_000;
/** How often in a row the log of a run that has ended is tried without getting further. */
const MAX_TRIES = 5;

interface FetchOptions {
  readonly signal: AbortSignal;
  readonly headers: Record<string, string>;
  readonly cache: 'no-store';
}

/** How long reading may hold up the page at a time: a log that comes fast leaves it no other chance to draw. */
const SLICE_MS = 8;

/** An answer that another try would not change. */
class FinalError extends Error {}

/**
 * Reads a log to its end, also across connections that break off: it then asks for the bytes that are missing, or reads
 * from the start again and skips what it has.
 */
export class LogReader {
  readonly #options: ReaderOptions;
  #receivedBytes = 0;

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  /** Returns when the log is complete, could not be read, or the signal was aborted. Reports errors as a state. */
  async run(signal: AbortSignal): Promise<void> {
    const { isLive, onState, delay } = this.#options;
    let retryMs = FIRST_RETRY_MS;
    let tries = 0;
    while (!signal.aborted) {
      const before = this.#receivedBytes;
      try {
        onState({ kind: 'connecting' });
        await this.#read(signal);
        if (!isAborted(signal)) onState({ kind: 'complete' });
        return;
      } catch (error) {
        if (isAborted(signal)) return;
        const reason = error instanceof Error ? error.message : String(error);
        const isFurther = this.#receivedBytes > before;
        [retryMs, tries] = isFurther ? [FIRST_RETRY_MS, 1] : [retryMs, tries + 1];
        if (error instanceof FinalError || (!isLive() && tries >= MAX_TRIES)) {
          onState({ kind: 'failed', reason });
          return;
        }
        onState({ kind: 'waiting', reason, retryMs });
        await delay(retryMs, signal);
        retryMs = Math.min(retryMs * 2, LONGEST_RETRY_MS);
      }
    }
  }

  async #read(signal: AbortSignal): Promise<void> {
    const { url, onBytes, onState } = this.#options;
    const response = await this.#request(url, signal);
    if (!response) return;
    onState({ kind: 'reading' });
    let skipBytes = response.status === 206 ? 0 : this.#receivedBytes;
    const reader = response.body?.getReader();
    const slice = new Slice(SLICE_MS);
    for (;;) {
      const part = await reader?.read().catch((error: unknown) => {
        throw new Error('The connection broke off', { cause: error });
      });
      if (!part || part.done) return;
      const bytes = part.value.subarray(Math.min(skipBytes, part.value.length));
      skipBytes -= part.value.length - bytes.length;
      this.#receivedBytes += bytes.length;
      if (bytes.length > 0) onBytes(bytes);
      await slice.pause();
    }
  }

  /** Returns undefined if there is nothing behind what was received. */
  async #request(url: string, signal: AbortSignal): Promise<Response | undefined> {
    const received = this.#receivedBytes;
    const response = await this.#fetch(url, received, signal);
    if (received > 0 && response.status === 416) return undefined;
    // What is compressed on its way has other positions, and an answer may begin elsewhere: then all of it.
    if (response.status === 206 && !continuesAt(response, received)) {
      await response.body?.cancel();
      return await this.#checked(await this.#fetch(url, 0, signal));
    }
    return await this.#checked(response);
  }

  async #fetch(url: string, from: number, signal: AbortSignal): Promise<Response> {
    const headers: Record<string, string> = { 'X-Taskcluster-Page': '1' };
    if (from > 0) headers['Range'] = `bytes=${from}-`;
    try {
      return await this.#options.fetch(url, { signal, headers, cache: 'no-store' });
    } catch (error) {
      if (signal.aborted) throw error;
      throw new Error('The server could not be reached', { cause: error });
    }
  }

  async #checked(response: Response): Promise<Response> {
    const { status } = response;
    if (status === 200 || status === 206) return response;
    await response.body?.cancel();
    if (status === 404 || status === 424) {
      const reason = 'There is no such log';
      throw this.#options.isLive() ? new Error(`${reason} yet`) : new FinalError(reason);
    }
    if (status === 401 || status === 403) {
      throw new FinalError(`This page may not read the log (status ${status}): its session may have ended`);
    }
    const reason = `The server answers with the status ${status}`;
    throw status >= 500 || status === 429 ? new Error(reason) : new FinalError(reason);
  }
}

function continuesAt(response: Response, offset: number): boolean {
  const range = response.headers.get('Content-Range')?.slice(0, 100) ?? '';
  const isEncoded = (response.headers.get('Content-Encoding') ?? 'identity') !== 'identity';
  return offset > 0 && !isEncoded && range.startsWith(`bytes ${offset}-`);
}

/** A function, because the compiler does not see that waiting changes it. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
