/** Each time the file system writes its journal too, which for pieces of 16 MiB takes as much as there is to gain. */
const PIECE_BYTES = 64 * 1024 * 1024;

/** What a FileHandle does. */
export interface SyncedFile {
  datasync(): Promise<void>;
}

/**
 * Has the disk take a long file piece by piece while it is written. Left to itself the kernel keeps some hundred MB in memory,
 * until the engine unmounts the files of a container that has ended: then all there is for that disk is written, and only
 * after that does the engine say that the container has ended.
 */
export class BackgroundSync {
  readonly #file: SyncedFile;
  readonly #onError: (error: Error) => void;
  #unsyncedBytes = 0;
  #syncing: Promise<void> | undefined;

  /** `onError` is called with the error of the system when the disk has not taken what was written. */
  constructor(file: SyncedFile, onError: (error: Error) => void) {
    this.#file = file;
    this.#onError = onError;
  }

  /** So many bytes more are in the file. */
  written(bytes: number): void {
    this.#unsyncedBytes += bytes;
    if (this.#unsyncedBytes < PIECE_BYTES || this.#syncing) return;
    this.#unsyncedBytes = 0;
    this.#syncing = this.#sync();
  }

  /** Resolves when the file can be closed. */
  async settled(): Promise<void> {
    await this.#syncing;
  }

  async #sync(): Promise<void> {
    try {
      await this.#file.datasync();
    } catch (error) {
      this.#onError(error as Error);
    }
    this.#syncing = undefined;
  }
}
