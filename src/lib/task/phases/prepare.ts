import type { Contribution } from '../feature.js';
import type { ImageLease, ImageProvider } from '../../images/image-provider.js';
import type { Logger } from '../../log/logger.js';
import { authorMessage } from '../../util/author-message.js';
import { LinkedAbort } from '../../util/linked-abort.js';
import type { ResourceStack } from '../../util/resource-stack.js';
import { retry } from '../../util/retry.js';
import type { AdmittedRun, AttachedFeature } from './admit.js';
import { TaskError, TaskStopped } from '../../outcome/errors.js';
import { exception } from '../../outcome/resolution.js';
import { isRetryable } from '../../outcome/service-error.js';
import type { ResumeFacts } from '../run-record.js';
import type { TaskContext } from '../task-context.js';

export interface PrepareServices {
  readonly images: ImageProvider;
}

/** A run with everything its container needs beyond the payload. */
export interface PreparedRun extends AdmittedRun {
  /** By feature name, in the features' order. */
  readonly contributions: Readonly<Record<string, Contribution>>;
  readonly image: ImageLease;
}

// Limited by count: each attempt repeats all of a feature's work, and no work of the task is lost yet. Code that calls
// a service waits for it while it is unreachable.
const PREPARE_RETRIES = { attempts: 4, firstDelayMs: 2000, maxDelayMs: 30_000, randomization: 0.25 };

/**
 * Phase 2: gets the image and prepares all features at once. The session always releases what they acquire: on the
 * first error the others are stopped and awaited before it is thrown. A resumed run takes again what it had.
 */
export async function prepare(
  run: AdmittedRun,
  { images }: PrepareServices,
  { image: known }: ResumeFacts,
): Promise<PreparedRun> {
  const { session, task, features } = run;
  const { resources } = session;
  await session.enter('prepare');
  const together = new LinkedAbort(session.signal);
  const settling: Promise<unknown>[] = [];
  const jointly = <T>(part: Promise<T>): Promise<T> => {
    const watched = part.catch((error: unknown) => {
      together.abort(error);
      throw error;
    });
    settling.push(watched);
    return watched;
  };
  const image = jointly(
    known === undefined
      ? takeImage(task, images, resources, together.signal)
      : images.adopt(known, together.signal).then((lease) => resources.use('image', lease)),
  );
  const contributions = features.map((feature) => {
    const preparing = prepareFeature(feature, task.log, resources, together.signal);
    return jointly(preparing.then((contribution) => [feature.name, contribution] as const));
  });
  await Promise.allSettled(settling);
  together.dispose();
  if (together.signal.aborted) throw together.signal.reason;
  return { ...run, contributions: Object.fromEntries(await Promise.all(contributions)), image: await image };
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

/** Retries as TaskFeature.prepare says; each attempt starts after the previous one's resources were released. */
async function prepareFeature(
  { name, hooks }: AttachedFeature,
  log: Logger,
  resources: ResourceStack,
  signal: AbortSignal,
): Promise<Contribution> {
  if (!hooks.prepare) return {};
  const onRetry = (error: unknown, attempt: number): void => {
    log.warn('retrying feature', { feature: name, attempt, error });
  };
  const attempt = async (): Promise<Contribution> => {
    const own = resources.nested(name);
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
    // An adopted run can't continue.
    if (error instanceof TaskStopped) throw error;
    throw stateError('created', name, error);
  }
}

/**
 * Returns whether a retry some seconds later may succeed. Every error of the operating system counts: memory, file
 * descriptors, disk space and addresses are released when other runs end. A run that fails anyway loses about 14 s.
 */
function mayPass(error: unknown): boolean {
  return isRetryable(error) || (error instanceof Error && typeof (error as NodeJS.ErrnoException).errno === 'number');
}

/** Returns the author's error for a feature that failed before the container existed (`created`) or ran (`started`). */
export function stateError(stage: 'created' | 'started', feature: string, cause: unknown): TaskError {
  const text = `Task was aborted because states could not be ${stage} successfully. ${feature}: ${authorMessage(cause)}`;
  const resolution = cause instanceof TaskError ? cause.resolution : exception('internal-error');
  return new TaskError(resolution, text, { cause });
}
