import type { PullProgress } from '../docker/engine.js';
import { megabytes } from './download/download-progress.js';
import type { ImageProgress } from './image-provider.js';

const LINE_EVERY_MS = 5000;

interface LayerDownload {
  readonly currentBytes: number;
  readonly totalBytes: number;
}

/** What one pull has to say to the task's author: each layer's status when it changes, and how the download goes. */
export class PullReport {
  readonly #progress: ImageProgress;
  readonly #nowMs: () => number;
  readonly #startedAtMs: number;
  readonly #statuses = new Map<string, string>();
  readonly #downloads = new Map<string, LayerDownload>();
  /** Of all downloads together: an image may have thousands of layers, and each reports hundreds of times. */
  #currentBytes = 0;
  #totalBytes = 0;
  #lastLineAtMs: number;

  /** `nowMs`: a clock that only goes forward. */
  constructor(progress: ImageProgress, nowMs: () => number = () => performance.now()) {
    this.#progress = progress;
    this.#nowMs = nowMs;
    this.#startedAtMs = this.#lastLineAtMs = nowMs();
  }

  /** Of all layers whose size docker has told. */
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
    // Any status after that means that all of the layer has come; `Retrying in …` that it comes once more.
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
