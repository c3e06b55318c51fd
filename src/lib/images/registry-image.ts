import type { Logger } from '../log/logger.js';
import { DockerError } from '../docker/engine.js';
import type { DockerEngine, ImageInfo, PullProgress } from '../docker/engine.js';
import { TaskError } from '../task/errors.js';
import { retry } from '../util/retry.js';
import type { RetryPolicy } from '../util/retry.js';
import { imageError, imageFailure, isTransient } from './image-error.js';
import type { ImageLease, ImageProgress, ImageProvider, ImageRequest } from './image-provider.js';
import { fullImageName, isImageName } from './parse-image.js';

/** Images of docker registries: used as they are when they are on the machine, pulled when they are missing. */
export class RegistryImages implements ImageProvider {
  readonly #deps: { readonly engine: DockerEngine; readonly log: Logger; readonly pullRetries: RetryPolicy };
  readonly #leases = new Map<string, number>();

  constructor(deps: { readonly engine: DockerEngine; readonly log: Logger; readonly pullRetries: RetryPolicy }) {
    this.#deps = deps;
  }

  async acquire({ image: wanted, progress }: ImageRequest, signal: AbortSignal): Promise<ImageLease> {
    if (wanted.type !== 'docker-image') {
      throw TaskError.failed(`This version of the worker does not support images of type "${wanted.type}".`);
    }
    const { name } = wanted;
    if (!isImageName(name)) throw notAName(name);
    const fullName = fullImageName(name);
    const present = await this.#find(fullName, signal);
    const image = present ?? (await this.#pull(fullName, progress, signal));
    this.#deps.log.info('ensure image', { image: fullName, imageId: image.id, pulled: present === undefined });
    return this.#lease(image);
  }

  /** True while a run needs the image with this id: it must not be removed. */
  isLeased(imageId: string): boolean {
    return this.#leases.has(imageId);
  }

  async #find(name: string, signal: AbortSignal): Promise<ImageInfo | undefined> {
    try {
      return await this.#deps.engine.inspectImage(name, signal);
    } catch (error) {
      throw signal.aborted ? error : imageError(`image "${name}"`, 1, error, ADVICE);
    }
  }

  #lease(image: ImageInfo): ImageLease {
    const count = (change: number): void => {
      const leases = (this.#leases.get(image.id) ?? 0) + change;
      if (leases > 0) this.#leases.set(image.id, leases);
      else this.#leases.delete(image.id);
    };
    let isHeld = true;
    count(1);
    return {
      image,
      artifactHash: undefined,
      dispose: () => {
        if (isHeld) count(-1);
        isHeld = false;
      },
    };
  }

  async #pull(name: string, progress: ImageProgress, signal: AbortSignal): Promise<ImageInfo> {
    const { engine, pullRetries } = this.#deps;
    const label = `image "${name}"`;
    progress.line(`Pulling image "${name}".`);
    const startedAt = performance.now();
    let attempts = 0;
    const hooks = {
      isTransient,
      onRetry: (error: unknown, attempt: number, delayMs: number) => {
        const seconds = Math.round(delayMs / 1000);
        progress.line(
          `Pulling failed (attempt ${attempt}): ${(error as Error).message}. Trying again in ${seconds} s.`,
        );
      },
    };
    const pullOnce = async (attempt: number): Promise<void> => {
      attempts = attempt;
      await engine.pullImage(name, undefined, layerLines(progress), signal);
    };
    try {
      await retry(pullRetries, hooks, pullOnce, signal);
    } catch (error) {
      throw signal.aborted ? error : imageError(label, attempts, error, ADVICE);
    }
    const image = await engine.inspectImage(name, signal);
    if (!image) {
      const gone = new DockerError('the image is gone right after its pull', undefined);
      throw imageError(label, attempts, gone, ADVICE);
    }
    progress.line(`Pulled image "${name}" in ${((performance.now() - startedAt) / 1000).toFixed(1)} s.`);
    return image;
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
