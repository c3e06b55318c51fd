import type { ArtifactRequest, CreatedArtifact } from '../../src/lib/queue/queue-client.js';
import type { FakeObjectStore } from './fake-object-store.js';
import { FakeQueue } from './fake-queue.js';
import { ServiceError } from '../../src/lib/outcome/service-error.js';

/** A fake queue whose artifacts go to a fake store. Each putUrl is another one, as a signed address is. */
export class FakeRunQueue extends FakeQueue {
  readonly #store: Pick<FakeObjectStore, 'url'>;
  /** False is a queue of before there were links. */
  takesLinks = true;
  #signatures = 0;

  constructor(store: Pick<FakeObjectStore, 'url'>) {
    super();
    this.#store = store;
  }

  override async createArtifact(name: string, request: ArtifactRequest, signal: AbortSignal): Promise<CreatedArtifact> {
    if (!this.takesLinks && request.storageType === 'link')
      throw new ServiceError('taskcluster', 'bad storageType', 400);
    const created = await super.createArtifact(name, request, signal);
    if (created.putUrl === undefined) return created;
    this.#signatures++;
    return { putUrl: `${this.#store.url}/${encodeURIComponent(name)}?signature=secret-${this.#signatures}` };
  }

  /** The requests made for one artifact, in order. */
  requestsFor(name: string): readonly ArtifactRequest[] {
    return this.artifacts.filter((artifact) => artifact.name === name).map(({ request }) => request);
  }
}
