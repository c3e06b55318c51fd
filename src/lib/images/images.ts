import { DockerError } from '../docker/engine.js';
import type { DockerEngine } from '../docker/engine.js';
import { imageError } from './image-error.js';
import type { ImageLease, ImageProvider, ImageRequest, ImageResolver } from './image-provider.js';

/** Images of registries, and of artifacts: those are loaded when the engine does not have them yet. */
export class Images implements ImageProvider {
  readonly #deps: {
    readonly engine: DockerEngine;
    readonly registries: ImageProvider;
    readonly artifacts: ImageResolver;
  };
  /** Of what this worker has loaded, by local name. */
  readonly #hashes = new Map<string, string>();

  constructor(deps: {
    readonly engine: DockerEngine;
    readonly registries: ImageProvider;
    readonly artifacts: ImageResolver;
  }) {
    this.#deps = deps;
  }

  async acquire(request: ImageRequest, signal: AbortSignal): Promise<ImageLease> {
    const { engine, registries, artifacts } = this.#deps;
    if (request.image.type === 'docker-image') return await registries.acquire(request, signal);
    const source = await artifacts.resolve(request, signal);
    if (!(await engine.inspectImage(source.localName, signal))) {
      const { artifactHash } = await source.fetch(request.progress, signal);
      if (artifactHash !== undefined) this.#hashes.set(source.localName, artifactHash);
    }
    const image = await engine.inspectImage(source.localName, signal);
    if (!image) {
      const gone = new DockerError('the image is gone right after it was loaded', undefined);
      throw imageError(source.label, 1, gone, { whenTransient: 'This is not a mistake of the task.', whenFinal: '' });
    }
    return { image, artifactHash: this.#hashes.get(source.localName), dispose: () => undefined };
  }
}
