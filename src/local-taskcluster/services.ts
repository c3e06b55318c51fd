import { satisfies } from '../lib/queue/scopes.js';
import { newAccessToken } from './auth/access-token.js';
import { authEndpoints } from './auth/auth-endpoints.js';
import type { ClientTable, PermanentClient } from './auth/client-table.js';
import type { RoleTable } from './auth/role-table.js';
import { hookEndpoints } from './hooks/hook-endpoints.js';
import type { Endpoint } from './http/endpoint.js';
import type { RedirectServices } from './index/artifact-redirect.js';
import { indexEndpoints } from './index/index-endpoints.js';
import { followIndexRoutes } from './index/index-routes.js';
import { IndexTable } from './index/index-table.js';
import { notifyEndpoints } from './notify/notify-endpoints.js';
import { objectEndpoints } from './object/object-endpoints.js';
import { ObjectTable } from './object/object-table.js';
import type { ObjectStore } from './object-store/object-store.js';
import { SignedUrls } from './object-store/signed-urls.js';
import { purgeCacheEndpoints } from './purge-cache/purge-cache-endpoints.js';
import { artifactEndpoints } from './queue/artifact-endpoints.js';
import type { ArtifactServices } from './queue/artifact-endpoints.js';
import { ArtifactTable } from './queue/artifact-table.js';
import { claimEndpoints } from './queue/claim-endpoints.js';
import { artifactFinder } from './queue/find-artifact.js';
import { knownQueueEndpoints } from './queue/known-queue-endpoints.js';
import { ObjectArtifacts } from './queue/object-artifacts.js';
import { Queue } from './queue/queue.js';
import type { QueueOptions } from './queue/queue.js';
import type { TaskView } from './queue/task-changes.js';
import type { Task } from './queue/task.js';
import { taskEndpoints } from './queue/task-endpoints.js';
import { taskListEndpoints } from './queue/task-list-endpoints.js';
import { taskQueueEndpoints } from './queue/task-queue-endpoints.js';
import { queueWorkerEndpoints } from './queue/worker-endpoints.js';
import { WorkerTable } from './queue/worker-table.js';
import type { ContentLengthRule } from './schemas/artifact-schemas.js';
import { secretEndpoints } from './secrets/secret-endpoints.js';
import type { LocalTaskclusterState } from './state/saved-state.js';
import type { ArtifactCache } from './upstream/artifact-cache.js';
import { readThrough } from './upstream/read-through.js';
import { UpstreamArtifacts } from './upstream/upstream-artifacts.js';
import type { UpstreamClient } from './upstream/upstream-client.js';
import { poolEndpoints } from './worker-manager/pool-endpoints.js';
import { PoolErrors } from './worker-manager/pool-errors.js';
import { managedWorkerEndpoints } from './worker-manager/queue-worker-endpoints.js';
import { Registration } from './worker-manager/registration.js';
import { registrationEndpoints } from './worker-manager/registration-endpoints.js';
import { statsEndpoints } from './worker-manager/stats-endpoints.js';
import { Terminations } from './worker-manager/terminations.js';
import { workerEndpoints } from './worker-manager/worker-endpoints.js';
import { WorkerPools } from './worker-manager/worker-pools.js';
import { Workers } from './worker-manager/workers.js';

export interface ServicesOptions {
  /** Keeps the contents of artifacts and objects. */
  readonly store: ObjectStore;
  readonly queue: Pick<QueueOptions, 'claimTimeoutMs' | 'longPollMs' | 'credentialsGraceMs' | 'mayClaim'>;
  /** What a worker gets as the definition of a task that it claims; the definition itself by default. */
  readonly definitionForWorker?: ((task: TaskView) => unknown) | undefined;
  readonly artifactContentLength: ContentLengthRule;
  readonly clients: ClientTable;
  readonly roles: RoleTable;
  readonly now: () => Date;
  readonly upstream?: ServicesUpstream | undefined;
}

/** Another deployment, which is asked for what is not here. */
export interface ServicesUpstream {
  readonly client: UpstreamClient;
  /** Keeps the contents of its artifacts; undefined when they are not kept. */
  readonly cache: ArtifactCache | undefined;
  readonly readsSecrets: boolean;
}

/** The services of a deployment with all their data, independent of the server. */
export class Services {
  readonly terminations = new Terminations();
  readonly urls: SignedUrls;
  readonly queue: Queue;
  /** The methods of each service, by service name. */
  readonly endpoints: Readonly<Record<string, readonly Endpoint[]>>;
  /** The contents that are read from upstream; undefined without one. */
  readonly remoteContents: UpstreamArtifacts | undefined;
  readonly #options: ServicesOptions;
  readonly #artifacts: ArtifactTable;
  readonly #objects: ObjectTable;
  readonly #index: IndexTable;

  constructor(options: ServicesOptions) {
    const { now, upstream, queue } = options;
    this.#options = options;
    this.urls = new SignedUrls(now);
    this.#artifacts = new ArtifactTable(now);
    this.#objects = new ObjectTable(now);
    this.#index = new IndexTable(now);
    const issuer = this.#addIssuer('queue');
    const onCompleted = (task: Task): void => {
      followIndexRoutes(this.#index, task);
    };
    this.queue = new Queue({ ...queue, now, issuer, onCompleted });
    const redirects = this.#redirects(this.#addIssuer('services'));
    const endpoints = this.#endpoints(issuer, redirects);
    this.remoteContents = upstream && new UpstreamArtifacts({ ...upstream, urls: this.urls });
    this.endpoints =
      upstream && this.remoteContents
        ? readThrough(endpoints, { ...upstream, artifacts: this.remoteContents, queue: this.queue, redirects })
        : endpoints;
  }

  /** Returns everything but clients, roles, secrets, worker pools and purge requests. */
  save(): LocalTaskclusterState {
    return {
      version: 1,
      queue: this.queue.save(),
      artifacts: this.#artifacts.save(),
      objects: this.#objects.save(),
      contents: this.#options.store.save(),
      index: this.#index.save(),
    };
  }

  /** Adds what was saved; to be called before anything else happens. Rejects with an Error when a content is missing. */
  async restore({ queue, artifacts, objects, contents, index }: LocalTaskclusterState): Promise<void> {
    await this.#options.store.restore(contents);
    this.#objects.restore(objects);
    this.#artifacts.restore(artifacts);
    this.#index.restore(index);
    this.queue.restore(queue);
  }

  #endpoints(issuer: PermanentClient, redirects: RedirectServices): Services['endpoints'] {
    const { store, clients, roles, now, artifactContentLength: contentLength } = this.#options;
    const { queue, urls } = this;
    const [objects, seen] = [this.#objects, new WorkerTable(now)];
    const uploads = new ObjectArtifacts({ objects, urls, now, issuer });
    return {
      auth: authEndpoints({ clients, roles }),
      queue: this.#queueEndpoints({ queue, urls, contentLength, artifacts: this.#artifacts, objects: uploads }, seen),
      object: objectEndpoints({ objects, store, urls }),
      index: indexEndpoints(this.#index, redirects),
      'purge-cache': purgeCacheEndpoints(now),
      secrets: secretEndpoints(now),
      'worker-manager': this.#workerManagerEndpoints(seen, redirects.issuer),
      notify: notifyEndpoints(),
      hooks: hookEndpoints(),
    };
  }

  #redirects(issuer: PermanentClient): RedirectServices {
    const { roles } = this.#options;
    const findArtifact = artifactFinder(this.queue, this.#artifacts);
    const isPublic = (name: string): boolean =>
      satisfies(roles.expand(['assume:anonymous']), `queue:get-artifact:${name}`);
    return { findArtifact, isPublic, issuer };
  }

  #queueEndpoints(artifacts: ArtifactServices, seen: WorkerTable): readonly Endpoint[] {
    const { queue } = this;
    const { now, definitionForWorker = unchanged } = this.#options;
    return [
      ...taskEndpoints(queue, now),
      ...taskListEndpoints(queue, now),
      ...taskQueueEndpoints(queue),
      ...knownQueueEndpoints(seen),
      ...queueWorkerEndpoints(seen),
      ...claimEndpoints({ queue, workers: seen, definitionForWorker }),
      ...artifactEndpoints(artifacts),
    ];
  }

  #workerManagerEndpoints(seen: WorkerTable, issuer: PermanentClient): readonly Endpoint[] {
    const { now } = this.#options;
    const [pools, workers, errors] = [new WorkerPools(now), new Workers(now), new PoolErrors(now)];
    return [
      ...poolEndpoints({ pools, workers, errors }),
      ...statsEndpoints({ pools, workers, errors }),
      ...workerEndpoints({ pools, workers, terminations: this.terminations, now }),
      ...managedWorkerEndpoints({ seen, workers }),
      ...registrationEndpoints(new Registration({ pools, workers, now, issuer })),
    ];
  }

  /** Adds a client that signs credentials issued by services. */
  #addIssuer(name: string): PermanentClient {
    const issuer = { clientId: `static/taskcluster/${name}`, accessToken: newAccessToken(), scopes: ['*'] };
    this.#options.clients.set(issuer);
    return issuer;
  }
}

function unchanged({ definition }: TaskView): unknown {
  return definition;
}
