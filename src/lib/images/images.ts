import type { ImageCache } from './image-cache.js';
import type {
  ImageFacts,
  ImageLease,
  ImageProvider,
  ImageReference,
  ImageRequest,
  ImageResolver,
} from './image-provider.js';

/** Provides all kinds of images: the resolver authorizes the request, then the cache provides the image. */
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

  async adopt(facts: ImageFacts, signal: AbortSignal): Promise<ImageLease> {
    return await this.#cache.adopt(facts, signal);
  }
}
