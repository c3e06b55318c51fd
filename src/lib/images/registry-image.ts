import type { DockerEngine, PullProgress } from '../docker/engine.js';
import { TaskError } from '../task/errors.js';
import { retry } from '../util/retry.js';
import type { RetryPolicy } from '../util/retry.js';
import { imageError, imageFailure, isTransient } from './image-error.js';
import type { FetchedImage, ImageProgress, ImageRequest, ImageResolver, ImageSource } from './image-provider.js';
import { fullImageName, isImageName } from './parse-image.js';

export interface RegistryImagesDeps {
  readonly engine: Pick<DockerEngine, 'pullImage'>;
  readonly pullRetries: RetryPolicy;
}

/** Images of docker registries. */
export class RegistryImages implements ImageResolver {
  readonly #deps: RegistryImagesDeps;

  constructor(deps: RegistryImagesDeps) {
    this.#deps = deps;
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- what it throws has to be a rejection
  async resolve({ image }: ImageRequest): Promise<ImageSource> {
    if (image.type !== 'docker-image') throw new Error('an image that a task made is in no registry');
    if (!isImageName(image.name)) throw notAName(image.name);
    return new RegistryImage(this.#deps, fullImageName(image.name));
  }
}

class RegistryImage implements ImageSource {
  readonly localName: string;
  readonly label: string;
  readonly #deps: RegistryImagesDeps;

  constructor(deps: RegistryImagesDeps, fullName: string) {
    this.#deps = deps;
    this.localName = fullName;
    this.label = `image "${fullName}"`;
  }

  async fetch(progress: ImageProgress, signal: AbortSignal): Promise<FetchedImage> {
    const { engine, pullRetries } = this.#deps;
    progress.line(`Pulling ${this.label}.`);
    const startedAt = performance.now();
    let attempts = 0;
    const onRetry = (error: unknown, attempt: number, delayMs: number): void => {
      const seconds = Math.round(delayMs / 1000);
      progress.line(`Pulling failed (attempt ${attempt}): ${(error as Error).message}. Trying again in ${seconds} s.`);
    };
    const pullOnce = async (attempt: number): Promise<void> => {
      attempts = attempt;
      await engine.pullImage(this.localName, undefined, layerLines(progress), signal);
    };
    try {
      await retry(pullRetries, { isTransient, onRetry }, pullOnce, signal);
    } catch (error) {
      throw signal.aborted ? error : imageError(this.label, attempts, error, ADVICE);
    }
    progress.line(`Pulled ${this.label} in ${((performance.now() - startedAt) / 1000).toFixed(1)} s.`);
    return {};
  }
}

/** Prints a layer's status when it changes: docker repeats it with every progress bar. */
function layerLines(progress: ImageProgress): (event: PullProgress) => void {
  const last = new Map<string, string>();
  return ({ layer, status }) => {
    if (layer === undefined) progress.line(status);
    else if (last.get(layer) !== status) progress.line(`${layer}: ${status}`);
    if (layer !== undefined) last.set(layer, status);
  };
}

function notAName(name: string): TaskError {
  const advice = 'Check payload.image: an image is named [registry/]path[:tag], and its path is in lower case.';
  return TaskError.failed(imageFailure(`invalid reference format: ${JSON.stringify(name)}. ${advice}`));
}

const ADVICE = {
  whenTransient: 'The registry or the way to it is in trouble; this is not a mistake of the task.',
  whenFinal: 'Check the name of the image, and that its registry lets this worker pull it.',
};
