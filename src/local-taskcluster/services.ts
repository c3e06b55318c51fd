import { satisfies } from '../lib/queue/scopes.js';
import { newAccessToken } from './auth/access-token.js';
import { authEndpoints } from './auth/auth-endpoints.js';
import type { ClientTable, PermanentClient } from './auth/client-table.js';
import type { RoleTable } from './auth/role-table.js';
import { hookEndpoints } from './hooks/hook-endpoints.js';
import type { Endpoint } from './http/endpoint.js';
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
import type { Task } from './queue/task.js';
import { taskEndpoints } from './queue/task-endpoints.js';
import { taskListEndpoints } from './queue/task-list-endpoints.js';
import { taskQueueEndpoints } from './queue/task-queue-endpoints.js';
import { queueWorkerEndpoints } from './queue/worker-endpoints.js';
import { WorkerTable } from './queue/worker-table.js';
import type { ContentLengthRule } from './schemas/artifact-schemas.js';
import { secretEndpoints } from './secrets/secret-endpoints.js';
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
  readonly queue: Pick<QueueOptions, 'claimTimeoutMs' | 'longPollMs' | 'credentialsGraceMs'>;
  readonly artifactContentLength: ContentLengthRule;
  readonly clients: ClientTable;
  readonly roles: RoleTable;
  readonly now: () => Date;
}

/** The services of a deployment with all their data, independent of the server. */
export class Services {
  readonly terminations = new Terminations();
  readonly urls: SignedUrls;
  readonly queue: Queue;
  /** The methods of each service, by service name. */
  readonly endpoints: Readonly<Record<string, readonly Endpoint[]>>;
  readonly #clients: ClientTable;
  readonly #now: () => Date;

  constructor({ store, queue, artifactContentLength, clients, roles, now }: ServicesOptions) {
    this.#clients = clients;
    this.#now = now;
    this.urls = new SignedUrls(now);
    const [objects, index, seen] = [new ObjectTable(now), new IndexTable(now), new WorkerTable(now)];
    const issuer = this.#addIssuer('queue');
    const onCompleted = (task: Task): void => {
      followIndexRoutes(index, task);
    };
    this.queue = new Queue({ ...queue, now, issuer, onCompleted });
    const artifacts = {
      queue: this.queue,
      artifacts: new ArtifactTable(now),
      urls: this.urls,
      objects: new ObjectArtifacts({ objects, urls: this.urls, now, issuer }),
      contentLength: artifactContentLength,
    };
    const serviceIssuer = this.#addIssuer('services');
    this.endpoints = {
      auth: authEndpoints({ clients, roles }),
      queue: this.#queueEndpoints(artifacts, seen),
      object: objectEndpoints({ objects, store, urls: this.urls }),
      index: indexEndpoints({
        index,
        findArtifact: artifactFinder(this.queue, artifacts.artifacts),
        isPublic: (name) => satisfies(roles.expand(['assume:anonymous']), `queue:get-artifact:${name}`),
        issuer: serviceIssuer,
      }),
      'purge-cache': purgeCacheEndpoints(now),
      secrets: secretEndpoints(now),
      'worker-manager': this.#workerManagerEndpoints(seen, serviceIssuer),
      notify: notifyEndpoints(),
      hooks: hookEndpoints(),
    };
  }

  #queueEndpoints(artifacts: ArtifactServices, seen: WorkerTable): readonly Endpoint[] {
    const { queue } = this;
    return [
      ...taskEndpoints(queue, this.#now),
      ...taskListEndpoints(queue, this.#now),
      ...taskQueueEndpoints(queue),
      ...knownQueueEndpoints(seen),
      ...queueWorkerEndpoints(seen),
      ...claimEndpoints(queue, seen),
      ...artifactEndpoints(artifacts),
    ];
  }

  #workerManagerEndpoints(seen: WorkerTable, issuer: PermanentClient): readonly Endpoint[] {
    const now = this.#now;
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
    this.#clients.set(issuer);
    return issuer;
  }
}
