import type { ImageInfo } from '../../src/lib/docker/engine.js';
import type { FetchedImage, ImageProgress, ImageSource, InTurn } from '../../src/lib/images/image-provider.js';
import { untilAborted } from '../../src/lib/util/abortable.js';
import type { FakeDockerEngine } from './fake-docker-engine.js';

/** An image whose fetch waits until it is told how to end. */
export class TestSource implements ImageSource {
  readonly label: string;
  fetches = 0;
  progress: ImageProgress | undefined;
  signal: AbortSignal | undefined;
  succeed: (fetched: FetchedImage) => void = () => undefined;
  fail: (error: Error) => void = () => undefined;
  readonly begun: Promise<void>;
  #markBegun = (): void => undefined;

  constructor(
    readonly localName: string,
    readonly engine: FakeDockerEngine,
    readonly image: ImageInfo,
    readonly needsArtifactHash = false,
  ) {
    this.label = `image "${localName}"`;
    this.begun = new Promise((resolve) => {
      this.#markBegun = resolve;
    });
  }

  async fetch(progress: ImageProgress, inTurn: InTurn, signal: AbortSignal): Promise<FetchedImage> {
    return await inTurn(() => this.#fetchNow(progress, signal));
  }

  async #fetchNow(progress: ImageProgress, signal: AbortSignal): Promise<FetchedImage> {
    this.fetches += 1;
    this.progress = progress;
    this.signal = signal;
    const ended = new Promise<FetchedImage>((resolve, reject) => {
      this.succeed = resolve;
      this.fail = reject;
    });
    this.#markBegun();
    const fetched = await untilAborted(ended, signal);
    this.engine.images.set(this.localName, this.image);
    return fetched;
  }
}
