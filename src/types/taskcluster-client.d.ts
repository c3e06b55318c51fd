/**
 * The part of taskcluster-client that is used here (the package ships no types). Its methods resolve to the parsed
 * body; they reject with a TaskclusterClientError for an answer of 400 or more, and with the HTTP library's error when
 * there is no answer.
 */
declare module 'taskcluster-client' {
  import type { Agent as HttpAgent, AgentOptions } from 'node:http';
  import type { Agent as HttpsAgent } from 'node:https';

  export interface ClientCredentials {
    readonly clientId: string;
    readonly accessToken: string;
    /** JSON; present for temporary credentials only. */
    readonly certificate?: string;
  }

  export interface ClientOptions {
    readonly rootUrl: string;
    readonly credentials?: ClientCredentials | Record<string, never>;
    readonly authorizedScopes?: readonly string[];
    /** The number of retries for network errors and 5xx; 5 by default. */
    readonly retries?: number;
    /** The timeout of each request, in milliseconds; 30 000 by default. */
    readonly timeout?: number;
    readonly delayFactor?: number;
    readonly maxDelay?: number;
    readonly randomizationFactor?: number;
    readonly agent?: AgentOptions;
  }

  /** The error of a client method when the service answered 400 or more. */
  export interface TaskclusterClientError extends Error {
    readonly statusCode: number;
    readonly code: string;
    readonly body: unknown;
  }

  export type RunState = 'pending' | 'running' | 'completed' | 'failed' | 'exception';

  export interface RunStatus {
    readonly runId: number;
    readonly state: RunState;
    readonly reasonCreated: string;
    readonly reasonResolved?: string;
    readonly workerGroup?: string;
    readonly workerId?: string;
    readonly takenUntil?: string;
    readonly scheduled: string;
    readonly started?: string;
    readonly resolved?: string;
  }

  export interface TaskStatus {
    readonly taskId: string;
    readonly provisionerId: string;
    readonly workerType: string;
    readonly taskQueueId: string;
    readonly schedulerId: string;
    readonly projectId: string;
    readonly taskGroupId: string;
    /** Sent by newer queues only. */
    readonly priority?: string;
    readonly deadline: string;
    readonly expires: string;
    readonly retriesLeft: number;
    readonly state: 'unscheduled' | RunState;
    readonly runs: readonly RunStatus[];
  }

  export interface TaskDefinition {
    readonly provisionerId: string;
    readonly workerType: string;
    readonly taskQueueId: string;
    readonly schedulerId: string;
    readonly projectId: string;
    readonly taskGroupId: string;
    readonly priority: string;
    readonly retries: number;
    readonly created: string;
    readonly deadline: string;
    readonly expires: string;
    readonly scopes: readonly string[];
    readonly payload: Readonly<Record<string, unknown>>;
    readonly metadata: {
      readonly name: string;
      readonly description: string;
      readonly owner: string;
      readonly source: string;
    };
    readonly [key: string]: unknown;
  }

  export interface TaskReclaim {
    readonly status: TaskStatus;
    readonly runId: number;
    readonly workerGroup: string;
    readonly workerId: string;
    readonly takenUntil: string;
    readonly credentials: Required<ClientCredentials>;
  }

  export interface TaskClaim extends TaskReclaim {
    readonly task: TaskDefinition;
  }

  export interface ArtifactInfo {
    readonly storageType: string;
    readonly name: string;
    readonly expires: string;
    readonly contentType: string;
    /** The size before any encoding in bytes, if the creator declared it. */
    readonly contentLength?: number;
  }

  export interface ArtifactList {
    readonly artifacts: readonly ArtifactInfo[];
    readonly continuationToken?: string;
  }

  export interface CreatedArtifact {
    readonly storageType: string;
    /** Present for storageType s3. */
    readonly putUrl?: string;
    readonly contentType?: string;
    readonly expires?: string;
    /** Present for storageType object. */
    readonly name?: string;
    readonly projectId?: string;
    readonly uploadId?: string;
    readonly credentials?: Required<ClientCredentials>;
  }

  export interface ArtifactContent {
    readonly storageType: string;
    /** Present for storageTypes s3 and reference. */
    readonly url?: string;
    /** Present for storageType object. */
    readonly name?: string;
    readonly credentials?: Required<ClientCredentials>;
    /** Present for storageType error. */
    readonly reason?: string;
    readonly message?: string;
  }

  export interface Paging {
    readonly continuationToken?: string;
    readonly limit?: number | string;
  }

  interface NextPage {
    readonly continuationToken?: string;
  }

  interface TaskIds {
    readonly taskIds: readonly string[];
  }

  export interface TaskGroup {
    readonly taskGroupId: string;
    readonly schedulerId: string;
    readonly expires: string;
    readonly sealed?: string;
  }

  interface TaskList extends NextPage {
    readonly tasks: readonly { readonly status: TaskStatus; readonly task: TaskDefinition }[];
  }

  interface RunList extends NextPage {
    readonly tasks: readonly {
      readonly taskId: string;
      readonly runId: number;
      readonly task: TaskDefinition;
      /** Present for pending runs. */
      readonly inserted?: string;
      /** Present for claimed runs, like the worker's ids. */
      readonly claimed?: string;
      readonly workerGroup?: string;
      readonly workerId?: string;
    }[];
  }

  type StatusAnswer = Promise<{ readonly status: TaskStatus }>;
  type Method = (...args: never[]) => Promise<unknown>;

  interface Client {
    ping(): Promise<unknown>;
    /**
     * Returns the address of one of this client's methods with its arguments (`client.buildUrl(client.task, taskId)`).
     */
    buildUrl(method: Method, ...args: readonly unknown[]): string;
    /**
     * Returns the same for a GET, signed with a bewit; `{ expiration: seconds }` may follow the arguments (900 by
     * default).
     */
    buildSignedUrl(method: Method, ...args: readonly unknown[]): string;
  }

  export interface Queue extends Client {
    readonly use: (options: Partial<ClientOptions>) => Queue;
    readonly createTask: (taskId: string, task: object) => StatusAnswer;
    readonly task: (taskId: string) => Promise<TaskDefinition>;
    readonly status: (taskId: string) => StatusAnswer;
    readonly claimWork: (
      taskQueueId: string,
      request: { readonly tasks?: number; readonly workerGroup: string; readonly workerId: string },
    ) => Promise<{ readonly tasks: readonly TaskClaim[] }>;
    readonly claimTask: (
      taskId: string,
      runId: number | string,
      request: { readonly workerGroup: string; readonly workerId: string },
    ) => Promise<TaskClaim>;
    readonly reclaimTask: (taskId: string, runId: number | string) => Promise<TaskReclaim>;
    readonly reportCompleted: (taskId: string, runId: number | string) => StatusAnswer;
    readonly reportFailed: (taskId: string, runId: number | string) => StatusAnswer;
    readonly reportException: (
      taskId: string,
      runId: number | string,
      request: { readonly reason: string },
    ) => StatusAnswer;
    readonly cancelTask: (taskId: string) => StatusAnswer;
    readonly rerunTask: (taskId: string) => StatusAnswer;
    readonly scheduleTask: (taskId: string) => StatusAnswer;
    readonly tasks: (
      request: TaskIds,
      paging?: Paging,
    ) => Promise<{ readonly tasks: readonly { readonly taskId: string; readonly task: TaskDefinition }[] } & NextPage>;
    readonly statuses: (
      request: TaskIds,
      paging?: Paging,
    ) => Promise<{ readonly statuses: readonly { readonly taskId: string; readonly status: TaskStatus }[] } & NextPage>;
    readonly listTaskGroup: (taskGroupId: string, paging?: Paging) => Promise<TaskGroup & TaskList>;
    readonly getTaskGroup: (taskGroupId: string) => Promise<TaskGroup>;
    readonly sealTaskGroup: (taskGroupId: string) => Promise<TaskGroup>;
    readonly cancelTaskGroup: (taskGroupId: string) => Promise<{
      readonly taskGroupId: string;
      readonly taskGroupSize: number;
      readonly cancelledCount: number;
      readonly taskIds: readonly string[];
    }>;
    readonly listDependentTasks: (taskId: string, paging?: Paging) => Promise<{ readonly taskId: string } & TaskList>;
    readonly pendingTasks: (taskQueueId: string) => Promise<{ readonly pendingTasks: number }>;
    readonly taskQueueCounts: (
      taskQueueId: string,
    ) => Promise<{ readonly pendingTasks: number; readonly claimedTasks: number }>;
    readonly listPendingTasks: (taskQueueId: string, paging?: Paging) => Promise<RunList>;
    readonly listClaimedTasks: (taskQueueId: string, paging?: Paging) => Promise<RunList>;
    readonly createArtifact: (
      taskId: string,
      runId: number | string,
      name: string,
      request: object,
    ) => Promise<CreatedArtifact>;
    readonly finishArtifact: (
      taskId: string,
      runId: number | string,
      name: string,
      request: { readonly uploadId: string },
    ) => Promise<undefined>;
    readonly getArtifact: (taskId: string, runId: number | string, name: string) => Promise<ArtifactContent>;
    readonly getLatestArtifact: (taskId: string, name: string) => Promise<ArtifactContent>;
    readonly listArtifacts: (taskId: string, runId: number | string, paging?: Paging) => Promise<ArtifactList>;
    readonly listLatestArtifacts: (taskId: string, paging?: Paging) => Promise<ArtifactList>;
    readonly artifactInfo: (taskId: string, runId: number | string, name: string) => Promise<ArtifactInfo>;
    readonly latestArtifactInfo: (taskId: string, name: string) => Promise<ArtifactInfo>;
    readonly artifact: (taskId: string, runId: number | string, name: string) => Promise<ArtifactContent>;
    readonly latestArtifact: (taskId: string, name: string) => Promise<ArtifactContent>;
  }

  export interface Auth extends Client {
    readonly use: (options: Partial<ClientOptions>) => Auth;
    readonly expandScopes: (request: {
      readonly scopes: readonly string[];
    }) => Promise<{ readonly scopes: readonly string[] }>;
    readonly currentScopes: () => Promise<{ readonly scopes: readonly string[] }>;
  }

  /** The agents of all clients created without their own `agent`; replacing them affects later clients only. */
  export const agents: { http: HttpAgent; https: HttpsAgent };

  /** The client classes, by service. */
  export const clients: {
    readonly Queue: new (options: ClientOptions) => Queue;
    readonly Auth: new (options: ClientOptions) => Auth;
    readonly Object: new (options: ClientOptions) => ObjectService;
    readonly Index: new (options: ClientOptions) => Index;
    readonly PurgeCache: new (options: ClientOptions) => PurgeCache;
    readonly Secrets: new (options: ClientOptions) => Secrets;
    readonly WorkerManager: new (options: ClientOptions) => WorkerManager;
  };

  /** Returns a client class with the methods of a service's reference; these are the parts that it reads. */
  export function createClient(reference: {
    readonly serviceName: string;
    readonly apiVersion: string;
    readonly entries: readonly {
      readonly type: 'function';
      readonly name: string;
      readonly method: string;
      /** The route; `<name>` is replaced by the argument with that name. */
      readonly route: string;
      readonly args: readonly string[];
    }[];
  }): new (options: ClientOptions) => object;

  /** Returns credentials of limited scopes and time, signed with permanent ones; named when `clientId` is given. */
  export function createTemporaryCredentials(options: {
    readonly clientId?: string;
    readonly start?: Date;
    readonly expiry: Date;
    readonly scopes: readonly string[];
    readonly credentials: ClientCredentials;
  }): Required<ClientCredentials>;

  /** Uploads the whole stream by the method that the object service prefers, and finishes the upload. */
  export function upload(options: {
    readonly projectId: string;
    readonly name: string;
    readonly contentType: string;
    readonly contentLength: number;
    readonly expires: string;
    readonly object: ObjectService;
    /** Nothing else of the stream is used. */
    readonly streamFactory: () => Promise<Pick<NodeJS.ReadableStream, 'pipe'>>;
    readonly uploadId?: string;
    readonly retries?: number;
  }): Promise<void>;

  /** Downloads an artifact of any type, and checks the hashes that the object service has for it. */
  export function downloadArtifact(options: {
    readonly taskId: string;
    readonly runId?: number | string;
    readonly name: string;
    readonly queue: Queue;
    readonly streamFactory: () => Promise<NodeJS.WritableStream>;
    readonly retries?: number;
  }): Promise<string>;
}
