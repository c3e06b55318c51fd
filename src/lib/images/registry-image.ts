import { DockerError, EngineLostError } from '../docker/engine.js';
import type { DockerEngine } from '../docker/engine.js';
import { isMachineTrouble } from '../docker/engine-words.js';
import type { Logger } from '../log/logger.js';
import { TaskError } from '../outcome/errors.js';
import { isRetryable } from '../outcome/service-error.js';
import { retry } from '../util/retry.js';
import type { RetryPolicy } from '../util/retry.js';
import { authorsImageError, imageError, imageFailure, reportRetries } from './image-error.js';
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

// Under such names the worker has the images of tasks, which need other scopes.
const OWN_NAME = /^[0-9a-f]{32}$/;

/** Images of docker registries. Those that the worker logs in for need a scope, also when they are on the machine. */
export class RegistryImages implements ImageResolver {
  readonly #deps: RegistryImagesDeps;

  constructor(deps: RegistryImagesDeps) {
    this.#deps = deps;
  }

  async resolve({ image, scopes }: ImageRequest, signal: AbortSignal): Promise<ImageSource> {
    if (image.type !== 'docker-image') throw new Error('an image that a task made is in no registry');
    if (!isImageName(image.name)) throw TaskError.failed(imageFailure(notAName(image.name)));
    const name = parseImage(image.name);
    if (name.registry === undefined && OWN_NAME.test(name.path))
      throw TaskError.failed(imageFailure(ownName(name.path)));
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
  /** Undefined: it is one that the configuration knows. */
  readonly #foreignRegistry: string | undefined;

  constructor(deps: RegistryImagesDeps, name: ImageName, login: RegistryLogin | undefined) {
    this.#deps = deps;
    this.#login = login;
    this.#foreignRegistry = isKnownRegistry(name, deps.settings) ? undefined : name.registry;
    // Where there is a digest a tag means nothing to the engine: names that differ in it alone are one image.
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

  /** Trouble of a registry that only the payload knows is the task's: no author can have an operator alarmed by it. */
  #foreignFailure(error: unknown, attempts: number): TaskError | undefined {
    const isOwn = this.#foreignRegistry === undefined || !isRetryable(error);
    if (isOwn || error instanceof EngineLostError || isMachineTrouble((error as Error).message)) return undefined;
    const advice = `The registry ${this.#foreignRegistry}, or the way to it, is in trouble, and this worker's operators have nothing to do with it. Check its name, and ask whoever runs it.`;
    // Its words alone: whoever runs the registry chose them, and a full disk, say, is what the worker would act on.
    return authorsImageError(this.label, attempts, new Error((error as Error).message), advice);
  }

  /** An author can do nothing about the worker's own credentials. */
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
      `The registry does not give it for the credentials that the worker has for "${key}". ` +
      'Check the name of the image; when that is right, tell the operators of this worker.';
    return { ...ADVICE, whenFinal };
  }
}

function notAName(name: string): string {
  const advice = 'Check payload.image: an image is named [registry/]path[:tag], and its path is in lower case.';
  return `invalid reference format: ${JSON.stringify(name)}. ${advice}`;
}

function ownName(name: string): string {
  const advice = 'Such an image is asked for as {type: task-image, taskId, path}.';
  return `"${name}" is a name that the worker itself gives to images that tasks made. ${advice}`;
}

function scopeMissing(name: string, scope: string): string {
  const advice = 'Add it to task.scopes or to a role of this task; whoever creates the task must have it.';
  return `Not authorized to use image "${name}": it is of a registry that the worker logs in to, and the task lacks the scope ${scope}. ${advice}`;
}

const ADVICE = {
  whenTransient: 'The registry or the way to it is in trouble; this is not a mistake of the task.',
  whenFinal: 'Check the name of the image, and that its registry lets this worker pull it.',
};
