import { strict as assert } from 'node:assert';
import type { ImageInfo } from '../../src/lib/docker/engine.js';
import type { ImageFacts, ImageLease, ImageProvider, ImageRequest } from '../../src/lib/images/image-provider.js';
import { Trace } from './trace.js';

/** Gives out one image for every name, counts the leases, and can be made to fail or to wait. */
export class FakeImages implements ImageProvider {
  readonly trace: Trace;
  readonly #image: ImageInfo;
  readonly #held = new Set<ImageLease>();
  /** Runs before each lease is given out; what it throws is the acquisition's failure. */
  beforeAcquire: (signal: AbortSignal) => Promise<void> = () => Promise.resolve();

  constructor(image: ImageInfo, trace = new Trace()) {
    this.#image = image;
    this.trace = trace;
  }

  async acquire(_request: ImageRequest, signal: AbortSignal): Promise<ImageLease> {
    this.trace.add('images.acquire');
    await this.beforeAcquire(signal);
    return this.#lease({ localName: 'test-image:latest', image: this.#image });
  }

  adopt(facts: ImageFacts): Promise<ImageLease> {
    this.trace.add('images.adopt');
    return Promise.resolve(this.#lease(facts));
  }

  #lease(facts: ImageFacts): ImageLease {
    const lease: ImageLease = {
      image: facts.image,
      artifactHash: facts.artifactHash,
      facts,
      markUnusable: () => {
        this.trace.add('images.unusable');
      },
      dispose: () => {
        this.#held.delete(lease);
        this.trace.add('images.release');
        return Promise.resolve();
      },
    };
    this.#held.add(lease);
    return lease;
  }

  assertNothingHeld(): void {
    assert.equal(this.#held.size, 0, 'image leases are still held');
  }
}
