import type { Readable } from 'node:stream';
import type { ExceptionReason } from '../outcome/resolution.js';

/** Taskcluster credentials; temporary ones have a `certificate`, a JSON string. */
export interface Credentials {
  readonly clientId: string;
  readonly accessToken: string;
  readonly certificate?: string;
}

/** A task definition as the queue sends it. Never changed, because chain of trust publishes it. */
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
  /** In this machine's clock. */
  readonly takenUntil: Date;
  /** How far this machine's clock is ahead of the queue's, in ms; negative if it is behind. */
  readonly clockSkewMs: number;
  readonly task: TaskDefinition;
  readonly credentials: Credentials;
}

export interface ReclaimResponse {
  /** In this machine's clock. */
  readonly takenUntil: Date;
  readonly credentials: Credentials;
}

/** The latest credentials of a claim: reclaiming replaces them, so read them for each use. */
export interface CredentialSource {
  readonly current: Credentials;
}

/** An artifact of the run to be created, as queue.createArtifact accepts it. */
export type ArtifactRequest =
  | {
      readonly storageType: 's3' | 'object';
      readonly contentType: string;
      /** Bytes before compression, for information; omitted if the queue does not accept it. */
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

/** What the object service needs to receive an artifact's content. */
export interface ObjectUpload {
  readonly name: string;
  readonly projectId: string;
  readonly uploadId: string;
  readonly expires: string;
  readonly credentials: Credentials;
}

/** How to send an artifact's content to its storage. */
export interface CreatedArtifact {
  /** storageType s3: the URL to PUT it to. */
  readonly putUrl?: string;
  /** storageType object: the argument of uploadObject. */
  readonly upload?: ObjectUpload;
}

/** Content that can be sent repeatedly. */
export interface ObjectContent {
  readonly type: string;
  readonly length: number;
  open(): Readable;
}

/**
 * The calls a run makes, with the run's own credentials. Each is one attempt with a timeout (callers decide on
 * retries). It throws a ServiceError (409: the run is resolved, or a different artifact exists), or the signal's
 * reason.
 */
export interface RunQueue {
  reclaim(signal: AbortSignal): Promise<ReclaimResponse>;
  /** Returns true once the run is no longer running, according to the queue. */
  isResolved(signal: AbortSignal): Promise<boolean>;
  /** Returns these scopes and all that their roles grant (auth.expandScopes). */
  expandScopes(scopes: readonly string[], signal: AbortSignal): Promise<readonly string[]>;
  reportCompleted(signal: AbortSignal): Promise<void>;
  reportFailed(signal: AbortSignal): Promise<void>;
  reportException(reason: ExceptionReason, signal: AbortSignal): Promise<void>;
  createArtifact(name: string, request: ArtifactRequest, signal: AbortSignal): Promise<CreatedArtifact>;
  /** Sends the content to the object service, with the upload's credentials. Throws an ArtifactStoreError. */
  uploadObject(upload: ObjectUpload, content: ObjectContent, signal: AbortSignal): Promise<void>;
  /** Declares the content of an artifact of storageType object complete: it can be read from now on. */
  finishArtifact(name: string, uploadId: string, signal: AbortSignal): Promise<void>;
  /** Returns the unsigned address of one of the run's artifacts. */
  artifactUrl(name: string): string;
}

/** Identifies a run to the queue, whose times are converted by `clockSkewMs`. */
export type RunIdentity = Pick<Claim, 'taskId' | 'runId' | 'clockSkewMs'>;

/** The rights of a call: a task's credentials, limited to these scopes. */
export interface TaskRights {
  readonly credentials: CredentialSource;
  readonly scopes: readonly string[];
}

/** What other tasks have published, as far as a task may find it. */
export interface TaskDirectory {
  /** Returns the task at an index path; undefined if none. Throws a ServiceError; callers decide on retries. */
  findTask(namespace: string, rights: TaskRights, signal: AbortSignal): Promise<string | undefined>;
  /**
   * Returns the address of an artifact of a task's latest run, which redirects to the content. With rights it is signed
   * for a quarter of an hour, and therefore a secret.
   */
  latestArtifactUrl(taskId: string, name: string, rights: TaskRights | undefined): string;
}

/** The queue's API for a worker. */
export interface QueueClient {
  /** Long-polls for at most `tasks` (1 to 32) runs; returns an empty list if none is pending. */
  claimWork(tasks: number, signal: AbortSignal): Promise<readonly Claim[]>;
  forRun(run: RunIdentity, credentials: CredentialSource): RunQueue;
  /**
   * Returns the scopes for claiming work that the worker's credentials lack; throws a ServiceError if they are refused
   * or the service does not answer.
   */
  missingScopes(signal: AbortSignal): Promise<readonly string[]>;
}
