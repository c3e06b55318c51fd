import type { ImageInfo } from '../docker/engine.js';
import type { ImageOrigin } from '../log/metrics-recorder.js';
import type { CredentialSource } from '../queue/queue-client.js';
import type { TaskScopes } from '../queue/task-scopes.js';

/** What payload.image asks for; its short form is a docker-image. */
export type ImageReference =
  | { readonly type: 'docker-image'; readonly name: string }
  | { readonly type: 'task-image'; readonly taskId: string; readonly path: string }
  | { readonly type: 'indexed-image'; readonly namespace: string; readonly path: string };

/** Where the words about getting an image go: the task's log. */
export interface ImageProgress {
  line(text: string): void;
}

/** A task that wants an image. */
export interface ImageRequest {
  readonly image: ImageReference;
  /** The task's. */
  readonly scopes: TaskScopes;
  /** The run's: indexes and private artifacts are read with them. */
  readonly credentials: CredentialSource;
  readonly progress: ImageProgress;
}

/** Which image it is, and where it came from. */
export interface ImageIdentity {
  readonly image: ImageInfo;
  /** `sha256:<hex>` of the artifact that the image was loaded from, for chain of trust; undefined for a registry's. */
  readonly artifactHash: string | undefined;
}

/** An image that is on this machine and stays there until the lease is disposed of. Disposing twice is harmless. */
export interface ImageLease extends ImageIdentity {
  /** No container can be made of it: once nobody uses it any more it is removed, if the worker has fetched it. */
  markUnusable(): void;
  /** Never fails. Resolves when an unusable image is removed. */
  dispose(): Promise<void>;
}

/** Images for tasks. Errors are TaskErrors the author can act on, or the signal's reason. */
export interface ImageProvider {
  acquire(request: ImageRequest, signal: AbortSignal): Promise<ImageLease>;
}

/** What is known of an image once it has been fetched. */
export interface FetchedImage {
  /** `sha256:<hex>` of the artifact, when it came from one. */
  readonly artifactHash?: string;
}

/** Runs an attempt once fewer images than the worker may get at a time are being got; others have the time between two. */
export type InTurn = <T>(attempt: () => Promise<T>) => Promise<T>;

/** One image that a task may use, and how to get it when it is not on the machine. */
export interface ImageSource {
  /** Under this name the engine has it, before or after the fetch. Two sources of one name are one image. */
  readonly localName: string;
  readonly origin: ImageOrigin;
  /** How authors know it, for messages. */
  readonly label: string;
  /**
   * An image that is on the machine will do only when the hash of its artifact is known, as chain of trust has to name
   * it; else it is fetched again.
   */
  readonly needsArtifactHash: boolean;
  /** What the log of each task is told of the image that it gets, also when that was on the machine; absent: nothing. */
  using?(imageId: string): string;
  /**
   * Gets it into the engine, each attempt of its own in turn. Retries what may pass; throws TaskErrors that say what was
   * asked and what to do.
   */
  fetch(progress: ImageProgress, inTurn: InTurn, signal: AbortSignal): Promise<FetchedImage>;
}

/** Knows one kind of reference. */
export interface ImageResolver {
  /** Checks what the task needs to use the image, and says which one it is. Throws TaskErrors. */
  resolve(request: ImageRequest, signal: AbortSignal): Promise<ImageSource>;
}
