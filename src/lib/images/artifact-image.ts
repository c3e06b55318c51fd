import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { DockerEngine } from '../docker/engine.js';
import type { TaskDirectory, TaskRights } from '../queue/queue-client.js';
import { TaskError } from '../outcome/errors.js';
import { isErrorOf, isRetryable } from '../outcome/service-error.js';
import { buffersPassed } from '../util/passing-buffers.js';
import { LinkedAbort } from '../util/linked-abort.js';
import { Attempts, retry } from '../util/retry.js';
import type { RetryPolicy } from '../util/retry.js';
import { ArchiveError } from './archive/archive-error.js';
import { LayerHashesNeeded } from './archive/archive-contents.js';
import { MissingProgramError, decodeContent, decompress, packingOf } from './archive/decompress.js';
import { rewriteImageTar } from './archive/rewrite-image-tar.js';
import { startDownload } from './download/resumable-download.js';
import { authorImageError, imageError, imageFailure, reportRetries } from './image-error.js';
import type { ImageAdvice } from './image-error.js';
import type {
  FetchedImage,
  ImageProgress,
  ImageRequest,
  ImageResolver,
  ImageSource,
  InTurn,
} from './image-provider.js';

export interface ArtifactImagesDeps {
  readonly engine: DockerEngine;
  readonly queue: TaskDirectory;
  /** For fetching an image, and for each query to the index. */
  readonly retries: RetryPolicy;
  /** How long a download may be stalled. */
  readonly inactivityMs: number;
}

/** Where an image archive is, and the rights for reading it. */
interface ImageArtifact {
  readonly taskId: string;
  readonly path: string;
  readonly label: string;
  /** Undefined if the artifact is public. */
  readonly rights: TaskRights | undefined;
}

const ADVICE = {
  whenTransient: 'The artifact services or the network failed; this is not a mistake of the task.',
  whenFinal: 'Check payload.image and the artifact that it names.',
};
const REFERENCE_ADVICE =
  'The artifact is only a reference to that address, which could not be fetched. The creator of the artifact must fix this.';
// The engine reads an archive in bursts.
const BUFFER_BYTES = 1024 * 1024;

/** Images that tasks published as artifacts: of a given task, or of the task at an index path. */
export class ArtifactImages implements ImageResolver {
  readonly #deps: ArtifactImagesDeps;

  constructor(deps: ArtifactImagesDeps) {
    this.#deps = deps;
  }

  async resolve(request: ImageRequest, signal: AbortSignal): Promise<ImageSource> {
    const { image, scopes, credentials } = request;
    if (image.type === 'docker-image') throw new Error('an image of a registry is not an artifact');
    const { path } = image;
    const isPublic = path.startsWith('public/');
    const scope = `queue:get-artifact:${path}`;
    // The worker has always treated `/public/` as public; the queue decides when it is fetched.
    if (!isPublic && !path.startsWith('/public/') && (await scopes.missing(scope, signal)).length > 0)
      throw TaskError.failed(imageFailure(scopeMissing(path, scope)));
    const taskId = image.type === 'task-image' ? image.taskId : await this.#find(image.namespace, request, signal);
    const label = `artifact ${JSON.stringify(path)} of task ${taskId}`;
    const artifact = {
      taskId,
      path,
      label,
      rights: isPublic ? undefined : { credentials, scopes: scopes.listed },
    };
    return new ArtifactImage(this.#deps, artifact);
  }

  async #find(namespace: string, request: ImageRequest, signal: AbortSignal): Promise<string> {
    const { credentials, scopes, progress } = request;
    let attempts = 0;
    const find = async (attempt: number): Promise<string | undefined> => {
      attempts = attempt;
      return await this.#deps.queue.findTask(namespace, { credentials, scopes: scopes.listed }, signal);
    };
    const onRetry = reportRetries(progress, 'Querying the index failed', 'Trying again');
    const label = `index path ${JSON.stringify(namespace)}`;
    let taskId: string | undefined;
    try {
      taskId = await retry(this.#deps.retries, { isRetryable, onRetry }, find, signal);
    } catch (error) {
      throw signal.aborted ? error : imageError(label, attempts, error, ADVICE);
    }
    if (taskId !== undefined) {
      progress.line(`Task ${taskId} is indexed as "${namespace}".`);
      return taskId;
    }
    const advice = 'Check payload.image.namespace, and that the task that builds the image has succeeded.';
    throw TaskError.failed(imageFailure(`there is no task in the index at ${JSON.stringify(namespace)}. ${advice}`));
  }
}

class ArtifactImage implements ImageSource {
  readonly localName: string;
  readonly label: string;
  readonly origin = 'artifact';
  readonly needsArtifactHash = true;
  readonly #deps: ArtifactImagesDeps;
  readonly #artifact: ImageArtifact;
  /** The last attempt was redirected to an address that the artifact's creator chose. */
  #isReference = false;

  constructor(deps: ArtifactImagesDeps, artifact: ImageArtifact) {
    this.#deps = deps;
    this.#artifact = artifact;
    this.label = artifact.label;
    this.localName = `${createHash('md5')
      .update(artifact.taskId + artifact.path)
      .digest('hex')}:latest`;
  }

  using(imageId: string): string {
    const { path, taskId } = this.#artifact;
    // People and tools search for this exact text.
    return `Image '${JSON.stringify(path).slice(1, -1)}' from task '${taskId}' loaded.  Using image ID ${imageId}.`;
  }

  async fetch(progress: ImageProgress, inTurn: InTurn, signal: AbortSignal): Promise<FetchedImage> {
    const { retries } = this.#deps;
    const attempts = new Attempts(retries);
    const hooks = { isRetryable, onRetry: reportRetries(progress, 'Loading failed', 'Starting again') };
    const load = () => inTurn(() => this.#loadOnce(attempts, progress, signal));
    const startedAt = performance.now();
    progress.line(`Loading the image: ${this.label}.`);
    try {
      const artifactHash = await attempts.run(hooks, load, signal);
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
      progress.line(`Loaded the image in ${seconds} s (artifact sha256 ${artifactHash.slice('sha256:'.length)}).`);
      return { artifactHash };
    } catch (error) {
      throw signal.aborted ? signal.reason : this.#failure(error, attempts.made);
    }
  }

  async #loadOnce(attempts: Attempts, progress: ImageProgress, signal: AbortSignal): Promise<string> {
    try {
      return await this.#pass(attempts, progress, signal);
    } catch (error) {
      if (!(error instanceof LayerHashesNeeded) || signal.aborted) throw error;
      progress.line('The archive is from Docker before 1.10 and has to be read twice.');
      return await this.#pass(attempts, progress, signal, new Map());
    }
  }

  /**
   * One attempt. Each stage pulls from the previous one: nothing is stored, or read faster than the engine accepts it.
   */
  async #pass(
    attempts: Attempts,
    progress: ImageProgress,
    parent: AbortSignal,
    layerHashes?: Map<string, string>,
  ): Promise<string> {
    const { engine, inactivityMs, queue } = this.#deps;
    const { taskId, path, rights } = this.#artifact;
    const address = (): string => {
      // Each request starts at the queue.
      this.#isReference = false;
      return queue.latestArtifactUrl(taskId, path, rights);
    };
    // Ends the stages that still wait when another one has failed.
    const attempt = new LinkedAbort(parent);
    const onReference = (): void => {
      this.#isReference = true;
    };
    try {
      const options = { address, inactivityMs, attempts, progress, onReference };
      const download = await startDownload(options, attempt.signal);
      const hash = createHash('sha256');
      const artifact = hashed(decodeContent(download.body, download.contentEncoding), hash);
      const unpacked = decompress(artifact, packingOf(path), attempt.signal);
      const archive = rewriteImageTar(unpacked, this.localName, layerHashes);
      const body = Readable.from(archive, { objectMode: false, highWaterMark: BUFFER_BYTES });
      await engine.loadImage(body, attempt.signal);
      return `sha256:${hash.digest('hex')}`;
    } finally {
      attempt.abort(new Error('the attempt is over'));
    }
  }

  #failure(error: unknown, attempts: number): unknown {
    if (error instanceof MissingProgramError) {
      const advice = 'The operator of this worker must install it; this is not a mistake of the task.';
      return TaskError.exception('internal-error', imageFailure(`${error.message}. ${advice}`), error);
    }
    if (error instanceof ArchiveError) {
      const unusable = new ArchiveError(`the image archive cannot be used: ${error.message}`, { cause: error });
      return imageError(this.label, attempts, unusable, ADVICE);
    }
    if (isErrorOf(error, 'download') && error.retryable && this.#isReference) {
      // Otherwise the creator of such an artifact could trigger the operator's alerts.
      return authorImageError(this.label, attempts, error, REFERENCE_ADVICE);
    }
    if (isErrorOf(error, 'download')) return imageError(this.label, attempts, error, adviceOn(error.status));
    return isErrorOf(error, 'docker') ? imageError(this.label, attempts, error, ADVICE) : error;
  }
}

function adviceOn(statusCode: number | undefined): ImageAdvice {
  if (statusCode === 404) {
    return { ...ADVICE, whenFinal: 'Check payload.image, and that its task has published this artifact.' };
  }
  const isDenied = statusCode === 401 || statusCode === 403;
  return isDenied
    ? { ...ADVICE, whenFinal: 'Check the scopes of the task, and that it may read the artifact.' }
    : ADVICE;
}

function scopeMissing(path: string, scope: string): string {
  return `Not authorized to use artifact ${JSON.stringify(path)}: it is not public, and the task lacks the scope ${scope}. Add it to task.scopes or to a role of this task.`;
}

async function* hashed(source: AsyncIterable<Buffer>, hash: Hash): AsyncGenerator<Buffer, void, undefined> {
  for await (const chunk of source) {
    hash.update(chunk);
    buffersPassed(chunk.length);
    yield chunk;
  }
}
