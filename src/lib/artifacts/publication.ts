import type { Readable } from 'node:stream';
import { Readable as ReadableStream } from 'node:stream';
import type { ObjectUpload, RunQueue } from '../queue/queue-client.js';
import type { ContentPutter } from './put-content.js';
import { ArtifactStoreError } from '../queue/artifact-store-error.js';
import type { StagedContent } from './staged-content.js';
import { ServiceError, isErrorOf } from '../outcome/service-error.js';

/** A content on its way to being an artifact. */
export interface Publication {
  /** Does what is still to be done, once; an error may be transient, and then the next attempt goes on from there. */
  attempt(signal: AbortSignal): Promise<void>;
}

export interface PublicationDeps {
  readonly queue: RunQueue;
  readonly putter: Pick<ContentPutter, 'put'>;
}

export interface PublishedArtifact {
  readonly name: string;
  readonly contentType: string;
  readonly expires: string;
}

/** The queue signs addresses for 45 minutes; one that is nearly over is not begun with. */
const PUT_URL_LIFE_MS = 40 * 60_000;

/** By PUT to an address that the queue signed. */
export class S3Publication implements Publication {
  readonly #deps: PublicationDeps;
  readonly #artifact: PublishedArtifact;
  readonly #content: StagedContent;
  #target: { readonly url: string; readonly until: number } | undefined;

  constructor(deps: PublicationDeps, artifact: PublishedArtifact, content: StagedContent) {
    this.#deps = deps;
    this.#artifact = artifact;
    this.#content = content;
  }

  async attempt(signal: AbortSignal): Promise<void> {
    const { name, contentType, expires } = this.#artifact;
    const { queue, putter } = this.#deps;
    if (!this.#target || Date.now() > this.#target.until) {
      const until = Date.now() + PUT_URL_LIFE_MS;
      const { size: contentLength } = this.#content;
      const request = { storageType: 's3', contentType, contentLength, expires } as const;
      const { putUrl } = await queue.createArtifact(name, request, signal);
      if (putUrl === undefined) throw new ServiceError('taskcluster', 'its answer names no putUrl');
      this.#target = { url: putUrl, until };
    }
    try {
      await putter.put(this.#target.url, this.#content, contentType, signal);
    } catch (error) {
      if (error instanceof ArtifactStoreError && error.wantsFreshUrl) this.#target = undefined;
      throw error;
    }
  }
}

/** By way of the object service; the artifact is there once the queue has been told that all of it is. */
export class ObjectPublication implements Publication {
  readonly #queue: RunQueue;
  readonly #artifact: PublishedArtifact;
  readonly #content: StagedContent;
  #upload: ObjectUpload | undefined;
  #isUploaded = false;
  #conflict: ArtifactStoreError | undefined;

  constructor({ queue }: PublicationDeps, artifact: PublishedArtifact, content: StagedContent) {
    this.#queue = queue;
    this.#artifact = artifact;
    this.#content = content;
  }

  async attempt(signal: AbortSignal): Promise<void> {
    const { name, contentType, expires } = this.#artifact;
    if (!this.#upload) {
      const { size: contentLength } = this.#content;
      const request = { storageType: 'object', contentType, contentLength, expires } as const;
      const { upload } = await this.#queue.createArtifact(name, request, signal);
      if (!upload) throw new ServiceError('taskcluster', 'its answer names no object to upload to');
      this.#upload = upload;
    }
    const upload = this.#upload;
    if (!this.#isUploaded) await this.#send(upload, signal);
    try {
      await this.#queue.finishArtifact(name, upload.uploadId, signal);
    } catch (error) {
      if (!isErrorOf(error, 'taskcluster', 400)) throw error;
      // What was taken for a whole upload is none.
      this.#isUploaded = false;
      throw (
        this.#conflict ??
        new ArtifactStoreError('the upload to the object service came to nothing', error.status, { retryable: true })
      );
    }
  }

  async #send(upload: ObjectUpload, signal: AbortSignal): Promise<void> {
    const content = { type: this.#artifact.contentType, length: this.#content.length, open: () => this.#open() };
    try {
      await this.#queue.uploadObject(upload, content, signal);
    } catch (error) {
      if (!(error instanceof ArtifactStoreError)) throw error;
      if (error.wantsFreshUrl) this.#upload = undefined;
      // The service has it whole, from an attempt whose answer was lost: finishing shows whether that is so.
      if (error.status !== 409) throw error;
      this.#conflict = error;
    }
    this.#isUploaded = true;
  }

  #open(): Readable {
    const body = this.#content.body();
    return Buffer.isBuffer(body) ? ReadableStream.from([body], { objectMode: false }) : body;
  }
}
