import type { MetricsRecorder } from '../../log/metrics-recorder.js';
import type { ImageIdentity } from '../../images/image-provider.js';
import { TaskError, TaskStopped, stopOf } from '../../outcome/errors.js';
import { worse } from '../../outcome/resolution.js';
import type { Resolution } from '../../outcome/resolution.js';
import { resolutionOf } from '../../outcome/resolution-of.js';
import { footer } from '../../task-log/lines.js';
import { NO_EXIT_CODE, collectedVerdict, endingInWords, exitVerdict } from '../exit-verdict.js';
import type { Ending } from '../exit-verdict.js';
import { authorsWords, explain } from '../explain.js';
import type { ContainerEnd } from '../feature.js';
import type { RunRecord } from '../run-record.js';
import type { AttachedFeature } from './admit.js';
import { CollectDeadline } from './collect-deadline.js';
import type { ContainerDefaults } from './container-spec.js';
import type { ExecutedRun } from './execute.js';

export interface CollectServices {
  readonly containerDefaults: Pick<ContainerDefaults, 'limits'>;
  readonly metrics?: Pick<MetricsRecorder, 'maxRunTimeExceeded'>;
}

/** The result of a run's phases, before its log is closed. */
export interface Outcome {
  readonly soFar: Resolution;
  readonly features: readonly AttachedFeature[];
  /** Set for a container that has run and exited. */
  readonly image?: ImageIdentity | undefined;
}

/**
 * Phase 5: decides the verdict on how the container ended, then lets the features collect in order; the last lines of
 * the log report both. Throws the run's stop when it leaves no time for that.
 */
export async function collect(run: ExecutedRun, services: CollectServices): Promise<Outcome> {
  const { session, context, task, features, image, cause } = run;
  const { output, log, measures } = context;
  await session.enter('collect', endOfCommand(run));
  const ending = endingOf(run, services.containerDefaults.limits.memoryBytes);
  if (ending.timedOut) services.metrics?.maxRunTimeExceeded();
  const verdict = exitVerdict(ending, task.payload);
  const { soFar: collected, isClean } = await collectFeatures(run, verdict);
  const soFar = isClean ? collected : collectedVerdict(verdict, collected, task.payload);
  const words = endingInWords(ending);
  if (words !== undefined) output[soFar.kind === 'completed' ? 'line' : 'error'](words);
  measures.report(output, log);
  const isTheCommands = cause === 'exit' && (isClean || ending.exitCode !== 0);
  output.line(footer(soFar, isTheCommands ? ending.exitCode : NO_EXIT_CODE, secondsSince(run.openedAtMs)));
  return { soFar, features, ...(!(cause instanceof TaskError) && { image }) };
}

/** Returns what a worker that starts after a crash needs to collect again; nothing if the container didn't run. */
function endOfCommand({ container: { exitCode, oomKilled }, cause }: ExecutedRun): Pick<RunRecord, 'ended'> {
  if (typeof cause !== 'string') return {};
  return { ended: { exitCode, cause, ...(oomKilled !== undefined && { oomKilled }) } };
}

/** Returns the seconds since a performance.now() value, which is in milliseconds. */
export function secondsSince(startedAtMs: number): number {
  return Math.round(performance.now() - startedAtMs) / 1000;
}

function endingOf({ container, cause }: ExecutedRun, memoryLimitBytes: number | undefined): Ending {
  return {
    exitCode: container.exitCode,
    oomKilled: container.oomKilled,
    timedOut: cause === 'max-run-time',
    logTruncated: cause === 'log-full',
    stopped: cause instanceof TaskStopped,
    memoryLimitBytes,
  };
}

/** One feature's failure does not keep the others from collecting; it turns a success into a failure. */
async function collectFeatures(
  run: ExecutedRun,
  verdict: Resolution,
): Promise<{ readonly soFar: Resolution; readonly isClean: boolean }> {
  const { session, context, features, container, cause } = run;
  const deadline = new CollectDeadline(session.signal, run.collectLimit);
  let soFar = cause instanceof TaskStopped ? resolutionOf(cause) : verdict;
  let isClean = true;
  if (cause instanceof TaskStopped) explain(context, cause);
  try {
    for (const { name, hooks } of features) {
      try {
        await hooks.collect?.(container, deadline.signal, endOf(cause));
      } catch (failure) {
        const timeout = deadline.timeout(context.artifacts.waitingFor);
        const error = timeout ?? failure;
        const stop = timeout ? undefined : stopOf(deadline.signal);
        if (stop && stop !== cause) throw stop;
        // An operator need not look at what the author has to fix.
        const level = resolutionOf(error).kind === 'failed' ? 'info' : 'error';
        context.log[level]('feature failed to collect', { feature: name, error });
        // A shutdown that left no time was explained above.
        if (!stop) context.output.error(authorsWords(error));
        soFar = worse(soFar, resolutionOf(error));
        isClean = false;
        // No time is left for the others either.
        if (timeout) break;
      }
    }
  } finally {
    deadline.dispose();
  }
  const stop = stopOf(session.signal);
  if (stop && !(cause instanceof TaskStopped)) {
    explain(context, stop);
    soFar = resolutionOf(stop);
  }
  return { soFar, isClean };
}

function endOf(cause: ExecutedRun['cause']): ContainerEnd {
  if (cause instanceof TaskError) return 'not-started';
  return cause === 'exit' ? 'exit' : 'killed';
}
