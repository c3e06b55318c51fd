import type { ImageInfo } from '../docker/engine.js';

/** Where the words about getting an image go: the task's log. */
export interface ImageProgress {
  line(text: string): void;
}

/** An image that is on this machine and stays there until the lease is disposed of. Disposing twice is harmless. */
export interface ImageLease {
  readonly image: ImageInfo;
  dispose(): void;
}

/** Images by name. Errors are TaskErrors the author can act on, or the signal's reason. */
export interface ImageProvider {
  acquire(name: string, progress: ImageProgress, signal: AbortSignal): Promise<ImageLease>;
}
