import type { ImageProgress } from '../image-provider.js';

const INTERVAL_MS = 5000;
const MB = 1e6;

/** Reports a download's progress every five seconds, until it is stopped. */
export class DownloadProgress {
  readonly #progress: ImageProgress;
  readonly #totalBytes: number | undefined;
  readonly #startedAt = performance.now();
  readonly #timer: NodeJS.Timeout;
  #bytes = 0;
  #last: { readonly atMs: number; readonly bytes: number };

  constructor(progress: ImageProgress, totalBytes: number | undefined, intervalMs = INTERVAL_MS) {
    this.#progress = progress;
    this.#totalBytes = totalBytes;
    this.#last = { atMs: this.#startedAt, bytes: 0 };
    this.#timer = setInterval(() => {
      this.#report();
    }, intervalMs);
  }

  add(bytes: number): void {
    this.#bytes += bytes;
  }

  /** Reports the total. */
  finish(): void {
    this.stop();
    const ms = performance.now() - this.#startedAt;
    const rate = megabytes((this.#bytes / ms) * 1000);
    this.#progress.line(`Downloaded ${megabytes(this.#bytes)} MB in ${(ms / 1000).toFixed(1)} s (${rate} MB/s).`);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #report(): void {
    const now = { atMs: performance.now(), bytes: this.#bytes };
    const rate = megabytes(((now.bytes - this.#last.bytes) / (now.atMs - this.#last.atMs)) * 1000);
    this.#last = now;
    const total = this.#totalBytes;
    const part = total ? ` of ${megabytes(total)} MB (${Math.floor((this.#bytes / total) * 100)}%)` : ' MB';
    this.#progress.line(`Downloaded ${megabytes(this.#bytes)}${part}, ${rate} MB/s.`);
  }
}

/** Returns megabytes of a million bytes, as docker does. */
export function megabytes(bytes: number): string {
  return (bytes / MB).toFixed(1);
}
