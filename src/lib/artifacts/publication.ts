import type { Readable } from 'node:stream';
import { Readable as ReadableStream } from 'node:stream';
import type { ObjectUpload, RunQueue } from '../queue/queue-client.js';
import type { ContentPutter } from './put-content.js';
import { ArtifactStoreError } from '../queue/artifact-store-error.js';
import type { StagedContent } from './staged-content.js';
import { ServiceError, isErrorOf } from '../outcome/service-error.js';

/** Publishes one content as an artifact. */
export interface Publication {
  /** Makes one attempt at the remaining steps; after a retryable error the next attempt resumes there. */
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

/** The queue signs addresses for 45 minutes; an upload does not start with one that is about to expire. */
const PUT_URL_LIFE_MS = 40 * 60_000;

/** Publishes by a PUT to an address that the queue signed. */
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

/** Publishes through the object service; the artifact exists once the queue knows that it is complete. */
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
      // The upload that seemed complete is not.
      this.#isUploaded = false;
      throw (
        this.#conflict ??
        new ArtifactStoreError('the object service did not receive the upload', error.status, { retryable: true })
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
      // An attempt whose answer was lost may have completed it: finishing shows whether that is so.
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
