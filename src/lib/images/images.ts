import type { ImageCache } from './image-cache.js';
import type { ImageLease, ImageProvider, ImageReference, ImageRequest, ImageResolver } from './image-provider.js';

/** All kinds of images: what the task asks for is authorized by its resolver first, then taken from the cache. */
export class Images implements ImageProvider {
  readonly #cache: ImageCache;
  readonly #resolvers: Readonly<Record<ImageReference['type'], ImageResolver>>;

  constructor(cache: ImageCache, resolvers: Readonly<Record<ImageReference['type'], ImageResolver>>) {
    this.#cache = cache;
    this.#resolvers = resolvers;
  }

  async acquire(request: ImageRequest, signal: AbortSignal): Promise<ImageLease> {
    const source = await this.#resolvers[request.image.type].resolve(request, signal);
    return await this.#cache.acquire(source, request.progress, signal);
  }
}
