import type { Contribution } from '../feature.js';
import type { ImageLease, ImageProvider } from '../../images/image-provider.js';
import type { Logger } from '../../log/logger.js';
import { authorMessage } from '../../util/author-message.js';
import { LinkedAbort } from '../../util/linked-abort.js';
import { ResourceStack } from '../../util/resource-stack.js';
import { retry } from '../../util/retry.js';
import type { AdmittedTask, AttachedFeature } from './admit.js';
import { TaskError } from '../../outcome/errors.js';
import { exception } from '../../outcome/resolution.js';
import { isRetryable } from '../../outcome/service-error.js';
import type { TaskContext } from '../task-context.js';

/** All that the container needs and that the payload does not hold. */
export interface PreparedTask {
  readonly contributions: readonly Contribution[];
  readonly image: ImageLease;
}

// By count: each attempt does all of a feature's work again, and no work of the task is lost yet. Services that are away are
// waited for where they are called.
const PREPARE_RETRIES = { attempts: 4, firstDelayMs: 2000, maxDelayMs: 30_000, randomization: 0.25 };

/**
 * Gets the image and prepares all features at once. What they acquire is in `resources`, whatever happens: on the first
 * error the others are stopped and waited for before it is thrown. `onOrphan`: something could not be released.
 */
export async function prepare(
  { task, features }: AdmittedTask,
  images: ImageProvider,
  resources: ResourceStack,
  signal: AbortSignal,
  onOrphan: () => void,
): Promise<PreparedTask> {
  const together = new LinkedAbort(signal);
  const settling: Promise<unknown>[] = [];
  const jointly = <T>(part: Promise<T>): Promise<T> => {
    const watched = part.catch((error: unknown) => {
      together.abort(error);
      throw error;
    });
    settling.push(watched);
    return watched;
  };
  const image = jointly(takeImage(task, images, resources, together.signal));
  const contributions = features.map((feature) =>
    jointly(prepareFeature(feature, task.log, resources, together.signal, onOrphan)),
  );
  await Promise.allSettled(settling);
  together.dispose();
  if (together.signal.aborted) throw together.signal.reason;
  return { contributions: await Promise.all(contributions), image: await image };
}

async function takeImage(
  task: TaskContext,
  images: ImageProvider,
  resources: ResourceStack,
  signal: AbortSignal,
): Promise<ImageLease> {
  const { payload, scopes, credentials, output } = task;
  const image =
    typeof payload.image === 'string' ? { type: 'docker-image' as const, name: payload.image } : payload.image;
  const request = { image, scopes, credentials, progress: output };
  const stopClock = task.measures.start('image');
  try {
    return resources.use('image', await images.acquire(request, signal));
  } finally {
    stopClock();
  }
}

/** Retries as TaskFeature.prepare says, each time with nothing left of the attempt before. */
async function prepareFeature(
  { name, hooks }: AttachedFeature,
  log: Logger,
  resources: ResourceStack,
  signal: AbortSignal,
  onOrphan: () => void,
): Promise<Contribution> {
  if (!hooks.prepare) return {};
  const onRetry = (error: unknown, attempt: number): void => {
    log.warn('retrying feature', { feature: name, attempt, error });
  };
  const attempt = async (): Promise<Contribution> => {
    const own = new ResourceStack((what, error) => {
      log.error('could not release', { feature: name, what, error });
      onOrphan();
    });
    try {
      const contribution = await hooks.prepare?.(own, signal);
      resources.defer(name, () => own.close());
      return contribution ?? {};
    } catch (error) {
      await own.close();
      throw error;
    }
  };
  try {
    return await retry(PREPARE_RETRIES, { isRetryable: mayPass, onRetry }, attempt, signal);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw stateError('created', name, error);
  }
}

/**
 * Whether an error may be gone in some seconds. All that the operating system refuses counts: memory, file descriptors,
 * disk space and addresses come back when other runs end, and a run that would fail anyway loses no more than 14 s.
 */
function mayPass(error: unknown): boolean {
  return isRetryable(error) || (error instanceof Error && typeof (error as NodeJS.ErrnoException).errno === 'number');
}

/** A feature's failure before the container is there (`created`), or when it runs (`started`), for the task's author. */
export function stateError(stage: 'created' | 'started', feature: string, cause: unknown): TaskError {
  const text = `Task was aborted because states could not be ${stage} successfully. ${feature}: ${authorMessage(cause)}`;
  const resolution = cause instanceof TaskError ? cause.resolution : exception('internal-error');
  return new TaskError(resolution, text, { cause });
}
