import type { PullProgress } from '../docker/engine.js';
import { megabytes } from './download/download-progress.js';
import type { ImageProgress } from './image-provider.js';

const LINE_EVERY_MS = 5000;

interface LayerDownload {
  readonly currentBytes: number;
  readonly totalBytes: number;
}

/** Reports one pull to the task's author: each layer's status when it changes, and the progress of the download. */
export class PullReport {
  readonly #progress: ImageProgress;
  readonly #nowMs: () => number;
  readonly #startedAtMs: number;
  readonly #statuses = new Map<string, string>();
  readonly #downloads = new Map<string, LayerDownload>();
  /** The sums of all downloads: an image may have thousands of layers, each with hundreds of reports. */
  #currentBytes = 0;
  #totalBytes = 0;
  #lastLineAtMs: number;

  /** `nowMs`: a monotonic clock. */
  constructor(progress: ImageProgress, nowMs: () => number = () => performance.now()) {
    this.#progress = progress;
    this.#nowMs = nowMs;
    this.#startedAtMs = this.#lastLineAtMs = nowMs();
  }

  /** The downloaded bytes of all layers whose size docker has reported. */
  get downloadedBytes(): number {
    return this.#currentBytes;
  }

  add(event: PullProgress): void {
    const { layer, status } = event;
    if (layer === undefined) {
      this.#progress.line(status);
      return;
    }
    // Docker repeats the status with every progress bar.
    if (this.#statuses.get(layer) !== status) this.#progress.line(`${layer}: ${status}`);
    this.#statuses.set(layer, status);
    this.#count(layer, event);
    this.#downloadLine();
  }

  #count(layer: string, { status, currentBytes, totalBytes }: PullProgress): void {
    if (status === 'Downloading') {
      if (currentBytes !== undefined && totalBytes !== undefined) this.#set(layer, { currentBytes, totalBytes });
      return;
    }
    // Any later status means that the layer is complete, and `Retrying in …` that it is downloaded again.
    const download = this.#downloads.get(layer);
    if (!download) return;
    this.#set(layer, status.startsWith('Retrying') ? undefined : { ...download, currentBytes: download.totalBytes });
  }

  #set(layer: string, download: LayerDownload | undefined): void {
    const before = this.#downloads.get(layer);
    this.#currentBytes += (download?.currentBytes ?? 0) - (before?.currentBytes ?? 0);
    this.#totalBytes += (download?.totalBytes ?? 0) - (before?.totalBytes ?? 0);
    if (download) this.#downloads.set(layer, download);
    else this.#downloads.delete(layer);
  }

  #downloadLine(): void {
    const nowMs = this.#nowMs();
    const total = this.#totalBytes;
    const current = this.downloadedBytes;
    if (current === total || nowMs - this.#lastLineAtMs < LINE_EVERY_MS) return;
    this.#lastLineAtMs = nowMs;
    const percent = Math.floor((100 * current) / total);
    const perSecond = (1000 * current) / (nowMs - this.#startedAtMs);
    this.#progress.line(
      `Downloaded ${megabytes(current)} of ${megabytes(total)} MB (${percent}%), ${megabytes(perSecond)} MB/s.`,
    );
  }
}
