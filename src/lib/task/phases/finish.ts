import type { ArtifactStore } from '../../artifacts/artifact-store.js';
import type { ImageIdentity } from '../../images/image-provider.js';
import { stopOf } from '../../outcome/errors.js';
import { DROPPED, FAILED, exception, worse } from '../../outcome/resolution.js';
import type { Resolution } from '../../outcome/resolution.js';
import { untilAborted } from '../../util/abortable.js';
import { LinkedAbort } from '../../util/linked-abort.js';
import type { OutcomeFacts } from '../run-record.js';
import type { RunSession } from '../run-session.js';
import { SHUTDOWN_UPLOAD_MS } from './collect-deadline.js';
import type { Outcome } from './collect.js';
import type { OpenedRun } from './open.js';

// Longer than a claim lasts: if the queue is unreachable, the last uploads stop waiting when the claim is lost.
const FINISH_TIMEOUT_MS = 1_500_000;
const SHUTDOWN_FINISH_MS = 10_000;

/**
 * Phase 6: closes the log and uploads it first, because people read it, then runs the features' `finish`. After a
 * cancel only the log is uploaded. Never throws.
 */
export async function finish(
  { session, context, taskLog, published }: OpenedRun,
  outcome: Outcome,
): Promise<Resolution> {
  const { soFar, features, image } = outcome;
  await session.enter('finish', { outcome: recorded(outcome, context.artifacts.manifest) });
  await taskLog.close();
  const deadline = finishDeadline(session);
  let resolution = soFar;
  const attempt = async (name: string, hook: () => Promise<void> | undefined): Promise<void> => {
    try {
      await untilAborted(Promise.resolve(hook()), deadline.signal);
    } catch (error) {
      context.log.error('feature failed to finish', { feature: name, error });
      resolution = worse(resolution, FAILED);
    }
  };
  await attempt('log', () => published.finish(deadline.signal));
  if (soFar.kind !== DROPPED.kind) {
    for (const { name, hooks } of features) {
      if (hooks.finish) await attempt(name, () => hooks.finish?.(soFar, deadline.signal, image));
    }
  }
  deadline.dispose();
  const { failure } = taskLog;
  if (failure) context.log.error('task log not written', { error: failure });
  const finished = stopOf(session.signal)?.reason === 'canceled' ? DROPPED : resolution;
  // A log with a gap must not pass for a success; the disk is the worker's fault, not the task's.
  return failure ? worse(finished, exception('internal-error')) : finished;
}

function recorded({ soFar, image }: Outcome, manifest: ArtifactStore['manifest']): OutcomeFacts {
  return {
    soFar,
    ...(image && { image: identityOf(image) }),
    ...(manifest.size > 0 && { manifest: Object.fromEntries(manifest) }),
  };
}

function identityOf({ image, artifactHash }: ImageIdentity): NonNullable<OutcomeFacts['image']> {
  return { image, ...(artifactHash !== undefined && { artifactHash }) };
}

/** Limits the time for all of it; a stop of the run shortens it. */
function finishDeadline(session: RunSession): { readonly signal: AbortSignal; dispose(): void } {
  const { signal } = session;
  const deadline = new LinkedAbort();
  const limitTo = (limitMs: number): void => {
    deadline.abortAfter(limitMs, () => new Error(`finishing took longer than ${limitMs / 1000} s`));
  };
  let hurried: NodeJS.Timeout | undefined;
  const hurry = (): void => {
    const stop = stopOf(signal);
    const isShutdown = stop?.reason === 'worker-shutdown';
    // After a shutdown, artifacts have already used part of the time.
    limitTo(isShutdown ? stop.leftOf(SHUTDOWN_UPLOAD_MS) : SHUTDOWN_UPLOAD_MS);
    if (!isShutdown) return;
    // The task's result is worth a short wait; after that another worker should rerun the task.
    hurried = setTimeout(() => void session.report(exception('worker-shutdown')), SHUTDOWN_FINISH_MS);
  };
  limitTo(FINISH_TIMEOUT_MS);
  signal.addEventListener('abort', hurry, { once: true });
  if (signal.aborted) hurry();
  return {
    signal: deadline.signal,
    dispose: () => {
      signal.removeEventListener('abort', hurry);
      clearTimeout(hurried);
      deadline.dispose();
    },
  };
}
