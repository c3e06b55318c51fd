import { DockerError, EngineLostError } from '../docker/engine.js';
import type { DockerEngine } from '../docker/engine.js';
import { isMachineTrouble } from '../docker/engine-words.js';
import type { Logger } from '../log/logger.js';
import { TaskError } from '../outcome/errors.js';
import { isRetryable } from '../outcome/service-error.js';
import { retry } from '../util/retry.js';
import type { RetryPolicy } from '../util/retry.js';
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
import { megabytes } from './download/download-progress.js';
import { fullImageName, isImageName, parseImage } from './parse-image.js';
import type { ImageName } from './parse-image.js';
import { PullReport } from './pull-report.js';
import { findRegistryLogin, isKnownRegistry } from './registry-auth.js';
import type { RegistryLogin, RegistrySettings } from './registry-auth.js';

export interface RegistryImagesDeps {
  readonly engine: Pick<DockerEngine, 'pullImage'>;
  readonly pullRetries: RetryPolicy;
  readonly settings: RegistrySettings;
  readonly log: Logger;
}

// The worker gives such names to task images, which need other scopes.
const RESERVED_NAME = /^[0-9a-f]{32}$/;

/** Images of docker registries. If the worker logs in to the registry, they need a scope, even if already pulled. */
export class RegistryImages implements ImageResolver {
  readonly #deps: RegistryImagesDeps;

  constructor(deps: RegistryImagesDeps) {
    this.#deps = deps;
  }

  async resolve({ image, scopes }: ImageRequest, signal: AbortSignal): Promise<ImageSource> {
    if (image.type !== 'docker-image') throw new Error('an image that a task built is not in a registry');
    if (!isImageName(image.name)) throw TaskError.failed(imageFailure(invalidName(image.name)));
    const name = parseImage(image.name);
    if (name.registry === undefined && RESERVED_NAME.test(name.path))
      throw TaskError.failed(imageFailure(reservedName(name.path)));
    const login = findRegistryLogin(name, this.#deps.settings);
    const fullName = fullImageName(name);
    const scope = `docker-worker:image:${fullName}`;
    if (login && (await scopes.missing(scope, signal)).length > 0)
      throw TaskError.failed(imageFailure(scopeMissing(fullName, scope)));
    return new RegistryImage(this.#deps, name, login);
  }
}

class RegistryImage implements ImageSource {
  readonly localName: string;
  readonly label: string;
  readonly origin = 'registry';
  readonly needsArtifactHash = false;
  readonly #deps: RegistryImagesDeps;
  readonly #login: RegistryLogin | undefined;
  /** Undefined if the configuration names the registry. */
  readonly #foreignRegistry: string | undefined;

  constructor(deps: RegistryImagesDeps, name: ImageName, login: RegistryLogin | undefined) {
    this.#deps = deps;
    this.#login = login;
    this.#foreignRegistry = isKnownRegistry(name, deps.settings) ? undefined : name.registry;
    // The engine ignores a tag beside a digest: names that differ only in the tag are one image.
    this.localName = fullImageName(name.digest === undefined ? name : { ...name, tag: undefined });
    this.label = `image "${fullImageName(name)}"`;
  }

  async fetch(progress: ImageProgress, inTurn: InTurn, signal: AbortSignal): Promise<FetchedImage> {
    const { engine, pullRetries } = this.#deps;
    progress.line(`Pulling ${this.label}.`);
    const startedAt = performance.now();
    let attempts = 0;
    const onRetry = reportRetries(progress, 'Pulling failed', 'Trying again');
    const pullOnce = async (attempt: number): Promise<number> => {
      attempts = attempt;
      const report = new PullReport(progress);
      const onProgress = report.add.bind(report);
      await engine.pullImage(this.localName, this.#login?.auth, onProgress, signal);
      return report.downloadedBytes;
    };
    let bytes: number;
    try {
      bytes = await retry(pullRetries, { isRetryable, onRetry }, (attempt) => inTurn(() => pullOnce(attempt)), signal);
    } catch (error) {
      if (signal.aborted) throw error;
      throw this.#foreignFailure(error, attempts) ?? imageError(this.label, attempts, error, this.#advice(error));
    }
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    const downloaded = bytes > 0 ? ` (${megabytes(bytes)} MB downloaded)` : '';
    progress.line(`Pulled ${this.label} in ${seconds} s${downloaded}.`);
    return {};
  }

  /** Returns the error of a registry that only the payload names: failed, so that no author can trigger alerts. */
  #foreignFailure(error: unknown, attempts: number): TaskError | undefined {
    const isOwn = this.#foreignRegistry === undefined || !isRetryable(error);
    if (isOwn || error instanceof EngineLostError || isMachineTrouble((error as Error).message)) return undefined;
    const advice = `The registry ${this.#foreignRegistry}, or the way to it, is in trouble, and this worker's operators do not run it. Check its name, and ask its operators.`;
    // The message only: the registry's operator chose it, and the worker would act on a cause such as a full disk.
    return authorImageError(this.label, attempts, new Error((error as Error).message), advice);
  }

  /** Returns the advice for an error. An author can't fix the worker's own credentials. */
  #advice(error: unknown): ImageAdvice {
    const isRefused = error instanceof DockerError && error.fault === 'registry-refuses';
    if (!this.#login || !isRefused) return ADVICE;
    const { key } = this.#login;
    this.#deps.log.error('registry refuses credentials', {
      registry: key,
      image: this.localName,
      error: error.message,
    });
    const whenFinal =
      `The registry denies it to the credentials that the worker has for "${key}". ` +
      'Check the name of the image; if that is right, tell the operators of this worker.';
    return { ...ADVICE, whenFinal };
  }
}

function invalidName(name: string): string {
  const advice = 'Check payload.image: images are named [registry/]path[:tag], with the path in lower case.';
  return `invalid reference format: ${JSON.stringify(name)}. ${advice}`;
}

function reservedName(name: string): string {
  const advice = 'Request such an image as {type: task-image, taskId, path}.';
  return `"${name}" is a name that the worker gives to images that tasks built. ${advice}`;
}

function scopeMissing(name: string, scope: string): string {
  const advice = "Add it to task.scopes or to a role of this task; the task's creator must have it.";
  return `Not authorized to use image "${name}": it is in a registry that the worker logs in to, and the task lacks the scope ${scope}. ${advice}`;
}

const ADVICE = {
  whenTransient: 'The registry or the network failed; this is not a mistake of the task.',
  whenFinal: 'Check the name of the image, and that its registry allows this worker to pull it.',
};
