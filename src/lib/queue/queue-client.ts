import type { Readable } from 'node:stream';
import type { ExceptionReason } from '../outcome/resolution.js';

/** Taskcluster credentials; `certificate` is a JSON string and only there for temporary ones. */
export interface Credentials {
  readonly clientId: string;
  readonly accessToken: string;
  readonly certificate?: string;
}

/** A task definition as the queue hands it out. It is published as it is by chain of trust: never changed. */
export interface TaskDefinition {
  readonly provisionerId: string;
  readonly workerType: string;
  readonly created: string;
  readonly deadline: string;
  readonly expires: string;
  readonly scopes: readonly string[];
  readonly payload: unknown;
  readonly metadata: { readonly name: string; readonly [key: string]: unknown };
  readonly [key: string]: unknown;
}

/** One run of a task, claimed by this worker until `takenUntil`. */
export interface Claim {
  readonly taskId: string;
  readonly runId: number;
  readonly workerGroup: string;
  readonly workerId: string;
  /** By this machine's clock. */
  readonly takenUntil: Date;
  /** How far this machine's clock is ahead of the queue's; negative when it is behind. */
  readonly clockSkewMs: number;
  readonly task: TaskDefinition;
  readonly credentials: Credentials;
}

export interface ReclaimResponse {
  /** By this machine's clock. */
  readonly takenUntil: Date;
  readonly credentials: Credentials;
}

/** Where a claim's credentials are found: reclaiming replaces them, everybody asks here for the latest. */
export interface CredentialSource {
  readonly current: Credentials;
}

/** What is uploaded as an artifact of the run, as queue.createArtifact takes it. */
export type ArtifactRequest =
  | {
      readonly storageType: 's3' | 'object';
      readonly contentType: string;
      /** Bytes before compression; for people, and left off where the queue does not take it. */
      readonly contentLength?: number;
      readonly expires: string;
    }
  | { readonly storageType: 'reference'; readonly url: string; readonly contentType: string; readonly expires: string }
  | { readonly storageType: 'link'; readonly artifact: string; readonly contentType: string; readonly expires: string }
  | {
      readonly storageType: 'error';
      readonly reason:
        | 'file-missing-on-worker'
        | 'invalid-resource-on-worker'
        | 'file-not-readable-on-worker'
        | 'too-large-file-on-worker';
      readonly message: string;
      readonly expires: string;
    };

/** What the object service needs to take an artifact's content. */
export interface ObjectUpload {
  readonly name: string;
  readonly projectId: string;
  readonly uploadId: string;
  readonly expires: string;
  readonly credentials: Credentials;
}

/** How an artifact's content gets to where it is stored. */
export interface CreatedArtifact {
  /** storageType s3: where to PUT it. */
  readonly putUrl?: string;
  /** storageType object: what to give to uploadObject. */
  readonly upload?: ObjectUpload;
}

/** Content that can be sent any number of times. */
export interface ObjectContent {
  readonly type: string;
  readonly length: number;
  open(): Readable;
}

/**
 * The calls a run makes, with the run's own credentials. Each is one attempt (callers decide on retries) of limited time,
 * fails with a ServiceError (409: the run is resolved, or the artifact exists otherwise), and ends with the signal's reason when that aborts.
 */
export interface RunQueue {
  reclaim(signal: AbortSignal): Promise<ReclaimResponse>;
  /** True once the queue says that this run is no longer running. */
  isResolved(signal: AbortSignal): Promise<boolean>;
  /** These scopes and all that their roles grant (auth.expandScopes). */
  expandScopes(scopes: readonly string[], signal: AbortSignal): Promise<readonly string[]>;
  reportCompleted(signal: AbortSignal): Promise<void>;
  reportFailed(signal: AbortSignal): Promise<void>;
  reportException(reason: ExceptionReason, signal: AbortSignal): Promise<void>;
  createArtifact(name: string, request: ArtifactRequest, signal: AbortSignal): Promise<CreatedArtifact>;
  /** Sends the content to the object service, with the credentials of the upload. Fails with an ArtifactStoreError. */
  uploadObject(upload: ObjectUpload, content: ObjectContent, signal: AbortSignal): Promise<void>;
  /** The content of an artifact of storageType object is whole: from now on it can be read. */
  finishArtifact(name: string, uploadId: string, signal: AbortSignal): Promise<void>;
  /** The unsigned address of one of the run's artifacts. */
  artifactUrl(name: string): string;
}

/** Names a run to the queue, whose times are converted by `clockSkewMs`. */
export type RunIdentity = Pick<Claim, 'taskId' | 'runId' | 'clockSkewMs'>;

/** Whose rights a call has: a task's credentials, and of what they grant only these scopes. */
export interface TaskRights {
  readonly credentials: CredentialSource;
  readonly scopes: readonly string[];
}

/** What other tasks have made, as a task may find it. */
export interface TaskDirectory {
  /** The task at an index path; undefined: there is none. Fails with a ServiceError; the caller decides on retries. */
  findTask(namespace: string, rights: TaskRights, signal: AbortSignal): Promise<string | undefined>;
  /**
   * The address of an artifact of a task's latest run, which redirects to where the content is. Signed, for a quarter of
   * an hour, when there are rights: a secret then.
   */
  latestArtifactUrl(taskId: string, name: string, rights: TaskRights | undefined): string;
}

/** The queue as a worker sees it. */
export interface QueueClient {
  /** Long-polls for at most `tasks` (1 to 32) runs; empty when there is nothing to do. */
  claimWork(tasks: number, signal: AbortSignal): Promise<readonly Claim[]>;
  forRun(run: RunIdentity, credentials: CredentialSource): RunQueue;
  /** What the worker's credentials lack for claiming work; a ServiceError when they are refused or nobody answers. */
  missingScopes(signal: AbortSignal): Promise<readonly string[]>;
}
