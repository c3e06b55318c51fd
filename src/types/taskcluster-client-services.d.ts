/** Types for clients of the services besides auth and the queue, as far as they are used here. */
declare module 'taskcluster-client' {
  interface Continued {
    readonly continuationToken?: string;
  }

  export interface IndexedTask {
    readonly namespace: string;
    readonly taskId: string;
    readonly rank: number;
    readonly data: Readonly<Record<string, unknown>>;
    readonly expires: string;
  }

  type TaskPage = Promise<{ readonly tasks: readonly IndexedTask[] } & Continued>;

  export interface Index extends Client {
    readonly findTask: (indexPath: string) => Promise<IndexedTask>;
    readonly findTasksAtIndex: (request: { readonly indexes: readonly string[] }, paging?: Paging) => TaskPage;
    readonly insertTask: (namespace: string, request: object) => Promise<IndexedTask>;
    readonly deleteTask: (namespace: string) => Promise<unknown>;
    readonly listTasks: (namespace: string, paging?: Paging) => TaskPage;
    readonly listNamespaces: (
      namespace: string,
      paging?: Paging,
    ) => Promise<
      {
        readonly namespaces: readonly { readonly namespace: string; readonly name: string; readonly expires: string }[];
      } & Continued
    >;
    readonly findArtifactFromTask: (indexPath: string, name: string) => Promise<unknown>;
  }

  export interface PurgeRequest {
    readonly provisionerId: string;
    readonly workerType: string;
    readonly cacheName: string;
    /** Cached contents from before that time must be dropped. */
    readonly before: string;
  }

  export interface PurgeCache extends Client {
    readonly purgeCache: (workerPoolId: string, request: { readonly cacheName: string }) => Promise<unknown>;
    readonly purgeRequests: (
      workerPoolId: string,
      options?: { readonly since?: string },
    ) => Promise<{ readonly requests: readonly PurgeRequest[] }>;
    readonly allPurgeRequests: (paging?: Paging) => Promise<{ readonly requests: readonly PurgeRequest[] } & Continued>;
  }

  export interface SecretContent {
    readonly secret: Readonly<Record<string, unknown>>;
    readonly expires: string;
  }

  export interface Secrets extends Client {
    readonly get: (name: string) => Promise<SecretContent>;
    readonly set: (name: string, secret: object) => Promise<unknown>;
    readonly remove: (name: string) => Promise<unknown>;
    readonly list: (paging?: Paging) => Promise<{ readonly secrets: readonly string[] } & Continued>;
  }

  export interface WorkerPoolDefinition {
    readonly workerPoolId: string;
    readonly providerId: string;
    readonly config: Readonly<Record<string, unknown>>;
    readonly currentCapacity: number;
    readonly runningCount: number;
    readonly stoppedCount: number;
    readonly [key: string]: unknown;
  }

  export interface WorkerDefinition {
    readonly workerPoolId: string;
    readonly workerGroup: string;
    readonly workerId: string;
    readonly providerId: string;
    readonly state: string;
    readonly capacity: number;
    readonly expires: string;
  }

  export interface WorkerPoolError {
    readonly errorId: string;
    readonly kind: string;
    readonly extra: Readonly<Record<string, unknown>>;
    readonly [key: string]: unknown;
  }

  export interface Registration {
    readonly expires: string;
    readonly credentials: Required<ClientCredentials>;
    readonly secret: string;
  }

  type WorkerPage = Promise<{ readonly workers: readonly WorkerDefinition[] } & Continued>;

  export interface WorkerManager extends Client {
    readonly createWorkerPool: (workerPoolId: string, definition: object) => Promise<WorkerPoolDefinition>;
    readonly updateWorkerPool: (workerPoolId: string, definition: object) => Promise<WorkerPoolDefinition>;
    readonly deleteWorkerPool: (workerPoolId: string) => Promise<WorkerPoolDefinition>;
    readonly workerPool: (workerPoolId: string) => Promise<WorkerPoolDefinition>;
    readonly listWorkerPools: (
      paging?: Paging,
    ) => Promise<{ readonly workerPools: readonly WorkerPoolDefinition[] } & Continued>;
    readonly listProviders: () => Promise<{ readonly providers: readonly object[] }>;
    readonly createWorker: (pool: string, group: string, id: string, request: object) => Promise<WorkerDefinition>;
    readonly updateWorker: (pool: string, group: string, id: string, request: object) => Promise<WorkerDefinition>;
    readonly removeWorker: (pool: string, group: string, id: string) => Promise<unknown>;
    readonly worker: (pool: string, group: string, id: string) => Promise<WorkerDefinition>;
    readonly listWorkersForWorkerGroup: (pool: string, group: string, paging?: Paging) => WorkerPage;
    readonly listWorkersForWorkerPool: (pool: string, options?: Paging & { readonly state?: string }) => WorkerPage;
    readonly registerWorker: (
      request: object,
    ) => Promise<Registration & { readonly workerConfig: Readonly<Record<string, unknown>> }>;
    readonly reregisterWorker: (request: object) => Promise<Registration>;
    readonly reportWorkerError: (workerPoolId: string, report: object) => Promise<WorkerPoolError>;
    readonly listWorkerPoolErrors: (
      workerPoolId: string,
      options?: Paging & { readonly errorId?: string },
    ) => Promise<{ readonly workerPoolErrors: readonly WorkerPoolError[] } & Continued>;
  }

  /** The `hashes` of `createUpload`, which downloads are checked against: hexadecimal digits by algorithm. */
  export type Hashes = Readonly<Record<string, string>>;

  interface Upload {
    readonly projectId: string;
    readonly uploadId: string;
  }

  export interface ObjectService extends Client {
    readonly createUpload: (
      name: string,
      request: Upload & {
        readonly expires: string;
        readonly hashes?: Hashes;
        readonly proposedUploadMethods: object;
      },
    ) => Promise<
      Upload & {
        readonly expires: string;
        readonly uploadMethod: {
          readonly dataInline?: true;
          readonly putUrl?: {
            readonly url: string;
            readonly expires: string;
            readonly headers: Record<string, string>;
          };
        };
      }
    >;
    readonly finishUpload: (name: string, request: Upload & { readonly hashes?: Hashes }) => Promise<unknown>;
    readonly startDownload: (
      name: string,
      request: { readonly acceptDownloadMethods: object },
    ) => Promise<{
      readonly method: string;
      readonly url: string;
      readonly expires?: string;
      readonly hashes?: Hashes;
    }>;
    readonly object: (
      name: string,
    ) => Promise<{ readonly projectId: string; readonly expires: string; readonly hashes: Hashes }>;
    readonly download: (name: string) => Promise<undefined>;
  }
}
