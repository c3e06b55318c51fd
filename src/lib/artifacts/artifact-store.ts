import type { Logger } from '../log/logger.js';
import type { MetricsRecorder } from '../log/metrics-recorder.js';
import type { ArtifactRequest, RunQueue } from '../queue/queue-client.js';
import { TaskError, TaskStopped } from '../outcome/errors.js';
import type { TaskOutput } from '../outcome/task-output.js';
import { errorMessage } from '../util/error-message.js';
import type { RetryPolicy } from '../util/retry.js';
import { retry } from '../util/retry.js';
import { OutageNotice } from './outage-notice.js';
import { NAME_RULE, isArtifactName, quotedName } from './artifact-name.js';
import type { ContentPutter } from './put-content.js';
import { ArtifactStoreError } from '../queue/artifact-store-error.js';
import { ObjectPublication, S3Publication } from './publication.js';
import { Semaphore } from '../util/semaphore.js';
import type { ContentSource, StagedContent, WantedEncoding } from './staged-content.js';
import { stageContent } from './staged-content.js';
import { uploadFailure } from './upload-failure.js';
import { isErrorOf, retryableStatus } from '../outcome/service-error.js';
import type { ServiceError } from '../outcome/service-error.js';

/** An artifact's name and how it is stored. */
export interface ArtifactContent {
  readonly name: string;
  readonly contentType: string;
  readonly contentEncoding: WantedEncoding;
  /** ISO 8601. */
  readonly expires: string;
}

/** A file whose compressed form is kept for the next upload of it, until the store is disposed of. */
export interface KeptFile {
  readonly filePath: string;
  readonly keep: true;
}

/** The name of an artifact without content, and the request that creates it. */
type Named<T extends ArtifactRequest['storageType']> = Omit<
  Extract<ArtifactRequest, { storageType: T }>,
  'storageType'
> & { readonly name: string };

export type ErrorArtifact = Named<'error'>;

export interface ArtifactStoreDeps {
  readonly queue: RunQueue;
  readonly log: Logger;
  readonly metrics?: Pick<MetricsRecorder, 'artifactUploaded' | 'artifactFailed'> | undefined;
  readonly output: TaskOutput;
  readonly putter: Pick<ContentPutter, 'put'>;
  /** An existing directory, private to the run and deleted with it. */
  readonly tempDir: string;
  /** The type of storage for content; default: s3. */
  readonly storageType?: 's3' | 'object' | undefined;
  /** How many uploads run at a time. */
  readonly concurrency: number;
  /** Default: 64 MiB. See StagingOptions. */
  readonly maxStagedBytes?: number;
  /** The backoff between attempts. */
  readonly retry?: Omit<RetryPolicy, 'attempts'>;
}

const DEFAULT_RETRY = { firstDelayMs: 1000, maxDelayMs: 30_000, randomization: 0.25 } as const;
/**
 * Once the queue has accepted a name for content, it can't become an error artifact. So the source is first read to its
 * end, unless that would take noticeably longer than sending.
 */
const MAX_STAGED_BYTES = 64 * 1024 * 1024;
/** The attempts for errors that will hardly pass after so many. */
const FEW_ATTEMPTS = 10;

/** What is retried, and where that is reported. */
interface Attempted {
  readonly name: string;
  readonly notice: OutageNotice | undefined;
}

/** Publishes a run's artifacts and remembers what they were. One per run. */
export class ArtifactStore {
  readonly #deps: ArtifactStoreDeps;
  readonly #policy: RetryPolicy;
  readonly #semaphore: Semaphore;
  readonly #notice: OutageNotice;
  readonly #uploaded = new Set<string>();
  readonly #manifest = new Map<string, { readonly sha256: string }>();
  readonly #kept = new Map<string, Promise<StagedContent>>();
  #isHashing = false;

  constructor(deps: ArtifactStoreDeps) {
    this.#deps = deps;
    // Abandoned content is lost. The claim, and with it the signal, limits how long it can be kept.
    this.#policy = { ...(deps.retry ?? DEFAULT_RETRY), attempts: Infinity };
    this.#semaphore = new Semaphore(deps.concurrency);
    this.#notice = new OutageNotice(deps);
  }

  get #isObject(): boolean {
    return this.#deps.storageType === 'object';
  }

  /** Returns whether content was uploaded under this name. */
  hasUploaded(name: string): boolean {
    return this.#uploaded.has(name);
  }

  /** The error that uploads wait on, as text; after a stop, the last one. Undefined while uploads make progress. */
  get waitingFor(): string | undefined {
    return this.#notice.cause;
  }

  /** Requests a manifest, before any upload: hashing takes time, so it is done only on request. */
  keepManifest(): void {
    this.#isHashing = true;
  }

  /** All artifacts uploaded since `keepManifest`, with the hash (hex) of their uncompressed content. */
  get manifest(): ReadonlyMap<string, { readonly sha256: string }> {
    return this.#manifest;
  }

  /** Adds what a previous worker uploaded in this run. */
  restoreManifest(manifest: Readonly<Record<string, { readonly sha256: string }>>): void {
    for (const [name, entry] of Object.entries(manifest)) this.#manifest.set(name, entry);
  }

  /**
   * Stores the uncompressed bytes of `source` as an artifact; waits for a free slot before reading them. Throws a
   * TaskError that states whose fault it is, TaskStopped if the run is over, or the source's own error. A name that the
   * queue would refuse causes a line in the log and no artifact.
   */
  async upload(artifact: ArtifactContent, source: ContentSource | KeptFile, signal: AbortSignal): Promise<void> {
    if (!isArtifactName(artifact.name)) {
      // Not an error: the task does not fail for it.
      this.#deps.output.line(`Artifact ${quotedName(artifact.name)} was not uploaded: ${NAME_RULE}`);
      if ('destroy' in source) source.destroy();
      if ('stream' in source) source.stream.destroy();
      return;
    }
    await this.uploadAs([artifact], source, signal);
  }

  /** Like upload, for one content under several valid names; the first one decides on the encoding. */
  async uploadAs(
    artifacts: readonly [ArtifactContent, ...ArtifactContent[]],
    source: ContentSource | KeptFile,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#semaphore.run(async () => {
      const content = await this.#stage(artifacts[0], source, signal);
      try {
        for (const artifact of artifacts) {
          await this.#publish(artifact, content, signal);
          const sha256 = await content.sha256;
          this.#uploaded.add(artifact.name);
          if (sha256 !== undefined) this.#manifest.set(artifact.name, { sha256 });
        }
      } finally {
        if (!isKept(source)) await content.dispose();
      }
    }, signal);
  }

  /** Makes `name` refer to an address. Throws the queue's last ServiceError. */
  async reference({ name, ...request }: Named<'reference'>, signal: AbortSignal): Promise<void> {
    await this.#create(name, { storageType: 'reference', ...request }, signal);
  }

  /** Makes `name` refer to `artifact`, another one of the run. Throws the queue's last ServiceError (400: no links there). */
  async link({ name, ...request }: Named<'link'>, signal: AbortSignal): Promise<void> {
    await this.#create(name, { storageType: 'link', ...request }, signal);
  }

  /** Publishes why the artifact does not exist. Throws the queue's last ServiceError. */
  async error({ name, ...request }: ErrorArtifact, signal: AbortSignal): Promise<void> {
    await this.#create(name, { storageType: 'error', ...request }, signal);
  }

  /** Releases kept content; harmless twice. */
  async dispose(): Promise<void> {
    const kept = [...this.#kept.values()];
    this.#kept.clear();
    for (const staged of await Promise.allSettled(kept)) {
      if (staged.status === 'fulfilled') await staged.value.dispose();
    }
  }

  async #stage(
    artifact: ArtifactContent,
    source: ContentSource | KeptFile,
    signal: AbortSignal,
  ): Promise<StagedContent> {
    // The object service does not support compressed content.
    const encoding = this.#isObject ? 'identity' : artifact.contentEncoding;
    const { tempDir, maxStagedBytes = MAX_STAGED_BYTES } = this.#deps;
    const options = { encoding, hashed: this.#isHashing, tempDir, maxStagedBytes };
    if (!isKept(source)) return stageContent(source, options, signal);
    const key = `${encoding} ${source.filePath}`;
    const known = this.#kept.get(key);
    if (known) return known;
    const staged = stageContent(source, options, signal);
    this.#kept.set(key, staged);
    staged.catch(() => this.#kept.delete(key));
    return staged;
  }

  async #publish(artifact: ArtifactContent, content: StagedContent, signal: AbortSignal): Promise<void> {
    const { name } = artifact;
    const { metrics } = this.#deps;
    const startedAt = performance.now();
    const publication = this.#isObject
      ? new ObjectPublication(this.#deps, artifact, content)
      : new S3Publication(this.#deps, artifact, content);
    try {
      const upload = { name, notice: this.#notice };
      await this.#retry(upload, () => preferReadError(content, publication.attempt(signal)), signal);
      metrics?.artifactUploaded(content.length, (performance.now() - startedAt) / 1000);
    } catch (error) {
      signal.throwIfAborted();
      metrics?.artifactFailed();
      if (content.failure) throw content.failure;
      if (isErrorOf(error, 'taskcluster', 409)) throw await this.#blameConflict(name, error, signal);
      throw uploadFailure(name, error);
    }
  }

  async #create(name: string, request: ArtifactRequest, signal: AbortSignal): Promise<void> {
    // References and links are the worker's own: the author waits for nothing.
    const notice = request.storageType === 'error' ? this.#notice : undefined;
    await this.#retry({ name, notice }, () => this.#deps.queue.createArtifact(name, request, signal), signal);
  }

  async #retry<T>(upload: Attempted, operation: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const { name, notice } = upload;
    let few = 0;
    const isRetryable = (error: unknown): boolean => {
      if (!isOfUpload(error) || !error.retryable) return false;
      if (!isOutage(error)) few++;
      return few < FEW_ATTEMPTS;
    };
    const onRetry = (error: unknown, attempt: number, delayMs: number): void => {
      // Only the first retry is a warning: an outage may be long.
      const level = attempt === 1 ? 'warn' : 'debug';
      this.#deps.log[level]('retrying artifact upload', { name, attempt, delayMs, error: errorMessage(error) });
      notice?.failed(upload, error, attempt);
    };
    try {
      return await retry(this.#policy, { isRetryable, onRetry }, operation, signal);
    } finally {
      if (signal.aborted) notice?.stopped(upload);
      else notice?.settled(upload);
    }
  }

  /** Returns the error for a 409: the run was resolved elsewhere, or a different artifact exists already. */
  async #blameConflict(name: string, error: ServiceError, signal: AbortSignal): Promise<Error> {
    const upload = { name, notice: this.#notice };
    const resolved = await this.#retry(upload, () => this.#deps.queue.isResolved(signal), signal).catch(() => {
      signal.throwIfAborted();
      // If the queue does not answer that, its 409 stands.
      return true;
    });
    if (resolved) return new TaskStopped('canceled', { cause: error });
    return TaskError.failed(
      `Artifact "${name}" could not be uploaded: the run already has an artifact of that name, of another kind or content type.`,
      error,
    );
  }
}

/** Waits for an attempt. Content that can't be read can't be sent, so its error takes precedence. */
async function preferReadError(content: StagedContent, attempt: Promise<void>): Promise<void> {
  try {
    await attempt;
  } catch (error) {
    throw content.failure ?? error;
  }
}

function isKept(source: ContentSource | KeptFile): source is KeptFile {
  return 'keep' in source && source.keep;
}

/**
 * Returns whether a service refused an upload. Other services' errors come from reading the content: they are final.
 */
function isOfUpload(error: unknown): error is ServiceError {
  return isErrorOf(error, 'taskcluster') || isErrorOf(error, 'artifact store');
}

/**
 * Returns whether the error is an outage, which ends. A service that refuses fresh requests refuses the next one too.
 */
function isOutage(error: ServiceError): boolean {
  return error instanceof ArtifactStoreError ? error.isOutage : retryableStatus(error.status);
}
