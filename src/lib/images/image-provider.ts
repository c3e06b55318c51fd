import type { ImageInfo } from '../docker/engine.js';
import type { ImageOrigin } from '../log/metrics-recorder.js';
import type { CredentialSource } from '../queue/queue-client.js';
import type { TaskScopes } from '../queue/task-scopes.js';

/** The content of payload.image; its short form is a docker-image. */
export type ImageReference =
  | { readonly type: 'docker-image'; readonly name: string }
  | { readonly type: 'task-image'; readonly taskId: string; readonly path: string }
  | { readonly type: 'indexed-image'; readonly namespace: string; readonly path: string };

/** Receives the messages about fetching an image: the task's log. */
export interface ImageProgress {
  line(text: string): void;
}

/** A task's request for an image. */
export interface ImageRequest {
  readonly image: ImageReference;
  /** The scopes of the task. */
  readonly scopes: TaskScopes;
  /** The run's credentials, for reading indexes and private artifacts. */
  readonly credentials: CredentialSource;
  readonly progress: ImageProgress;
}

/** The identity of an image, and its origin. */
export interface ImageIdentity {
  readonly image: ImageInfo;
  /** `sha256:<hex>` of the artifact that the image was loaded from, for chain of trust; undefined: from a registry. */
  readonly artifactHash: string | undefined;
}

/** What another worker needs to know about a lease to take it over: see `ImageProvider.adopt`. JSON. */
export interface ImageFacts {
  /** The engine's name for the image, as in ImageSource. */
  readonly localName: string;
  readonly image: ImageInfo;
  /** As in ImageIdentity; absent: from a registry. */
  readonly artifactHash?: string;
}

const TEXT = { type: 'string', minLength: 1 } as const;
const WORDS = { type: 'array', items: { type: 'string' } } as const;
const IDENTITY = {
  image: {
    type: 'object',
    properties: { id: TEXT, entrypoint: WORDS, command: WORDS },
    required: ['id', 'entrypoint', 'command'],
  },
  artifactHash: { type: 'string', pattern: '^sha256:[0-9a-f]{64}$' },
} as const;

/** The JSON schema of the identity of an image on record: an ImageIdentity, whose unknown hash is absent. */
export const IMAGE_IDENTITY_SCHEMA = { type: 'object', properties: IDENTITY, required: ['image'] } as const;

/** The JSON schema of ImageFacts. */
export const IMAGE_FACTS_SCHEMA = {
  type: 'object',
  properties: { localName: TEXT, ...IDENTITY },
  required: ['localName', 'image'],
} as const;

/** An image that stays on this machine until the lease is disposed of. Disposing twice is harmless. */
export interface ImageLease extends ImageIdentity {
  /** For the record of the run. */
  readonly facts: ImageFacts;
  /** Declares that no container can be made of it: it is removed after its last use, if the worker has fetched it. */
  markUnusable(): void;
  /** Never fails. Resolves after an unusable image is removed. */
  dispose(): Promise<void>;
}

/** Provides images for tasks. */
export interface ImageProvider {
  /** Throws TaskErrors that the author can act on, or the signal's reason. */
  acquire(request: ImageRequest, signal: AbortSignal): Promise<ImageLease>;
  /**
   * Takes over the lease of a worker that died, for a container that exists: nothing is resolved, authorized, fetched
   * or logged, and the engine need not have the image under this name any more. Throws only the signal's reason.
   */
  adopt(facts: ImageFacts, signal: AbortSignal): Promise<ImageLease>;
}

/** What is known about an image after its fetch. */
export interface FetchedImage {
  /** `sha256:<hex>` of the artifact, if it came from one. */
  readonly artifactHash?: string;
}

/** Runs an attempt when a fetch slot is free; between two attempts other images can use the slot. */
export type InTurn = <T>(attempt: () => Promise<T>) => Promise<T>;

/** One image that a task may use, and how to fetch it. */
export interface ImageSource {
  /** The engine's name for it, before or after the fetch. Two sources with one name are one image. */
  readonly localName: string;
  readonly origin: ImageOrigin;
  /** The author's name for it, for messages. */
  readonly label: string;
  /**
   * Whether an image on the machine can be used only if its artifact's hash is known, which chain of trust must state;
   * otherwise it is fetched again.
   */
  readonly needsArtifactHash: boolean;
  /** Returns the log line for each task that uses the image, even if it was already on the machine; absent: no line. */
  using?(imageId: string): string;
  /** Loads it into the engine, in turn. Has retries; its TaskErrors state what was asked and what to do. */
  fetch(progress: ImageProgress, inTurn: InTurn, signal: AbortSignal): Promise<FetchedImage>;
}

/** Resolves one kind of reference. */
export interface ImageResolver {
  /** Checks that the task may use the image, and returns its source. Throws TaskErrors. */
  resolve(request: ImageRequest, signal: AbortSignal): Promise<ImageSource>;
}
