import { isUnusableImage } from '../docker/engine.js';
import type { DockerEngine, RunningContainer } from '../docker/engine.js';
import type { ContainerEnd } from './feature.js';
import type { ImageIdentity, ImageProvider } from '../images/image-provider.js';
import type { MetricsRecorder } from '../log/metrics-recorder.js';
import { untilAborted } from '../util/abortable.js';
import { LinkedAbort } from '../util/linked-abort.js';
import { ResourceStack } from '../util/resource-stack.js';
import { CollectDeadline, SHUTDOWN_UPLOAD_MS } from './collect-deadline.js';
import type { CollectLimit } from './collect-deadline.js';
import { admit, refusedFeatures } from './phases/admit.js';
import type { Admission, AdmittedTask, AttachedFeature } from './phases/admit.js';
import { containerSpec } from './phases/container-spec.js';
import type { ContainerDefaults } from './phases/container-spec.js';
import { TaskError, TaskStopped, stopOf } from '../outcome/errors.js';
import { execute } from './phases/execute.js';
import type { Executed } from './phases/execute.js';
import { NO_EXIT_CODE, collectedVerdict, endingInWords, exitVerdict } from './exit-verdict.js';
import type { Ending } from './exit-verdict.js';
import { authorsWords, explain } from './explain.js';
import { footer } from '../task-log/lines.js';
import type { PublishedLog } from '../task-log/publisher.js';
import { prepare, stateError } from './phases/prepare.js';
import { DROPPED, FAILED, exception, worse, resolutionName } from '../outcome/resolution.js';
import { resolutionOf } from '../outcome/resolution-of.js';
import type { Resolution } from '../outcome/resolution.js';
import type { Phase, RunRecord } from './run-record.js';
import type { RunContext } from './task-context.js';
import type { TaskLog } from '../task-log/writer.js';
import { watchUsage } from './watch-usage.js';

/** What every run of this worker uses. */
export interface TaskServices {
  readonly engine: DockerEngine;
  readonly images: ImageProvider;
  readonly admission: Admission;
  readonly containerDefaults: ContainerDefaults;
  /** Hears that something of a run could not be removed. */
  readonly onOrphan: () => void;
  readonly metrics?: Pick<MetricsRecorder, 'featuresUsed' | 'payloadRefused' | 'maxRunTimeExceeded'>;
}

/** One run in the hands of whoever claimed it. */
export interface TaskRun {
  readonly context: RunContext;
  readonly taskLog: TaskLog;
  readonly published: PublishedLog;
  readonly collectLimit: CollectLimit;
  /** Aborts when the log takes no more output. */
  readonly logFull: AbortSignal;
  /** Aborts with a TaskStopped when someone stops the run. */
  readonly signal: AbortSignal;
  /** The first resolution counts; never throws. */
  report(resolution: Resolution): Promise<void>;
  enter(phase: Phase, facts?: Pick<RunRecord, 'containerId' | 'resolution'>): Promise<void>;
}

// Longer than a claim lasts: a queue that is away ends the waiting of the last uploads by the loss of the claim.
const FINISH_TIMEOUT_MS = 1_500_000;
const SHUTDOWN_FINISH_MS = 10_000;

/** What the first five phases come to. */
interface Outcome {
  readonly soFar: Resolution;
  readonly features: readonly AttachedFeature[];
  /** Of a container that has run and ended. */
  readonly image?: ImageIdentity;
}

/**
 * A task's way, a straight line: admit, prepare, compile, execute, collect; then, whatever happened, finish and report.
 * Each phase needs what only the one before returns. Never throws. What the run acquired is released by the returned
 * function: the run is reported before that.
 */
export async function runTask(run: TaskRun, services: TaskServices): Promise<() => Promise<void>> {
  const { context, taskLog, signal } = run;
  const resources = new ResourceStack((what, error) => {
    context.log.error('could not release', { what, error });
    services.onOrphan();
  });
  // Another worker can start the task while this one still uploads what there is.
  const reportShutdown = (): void => {
    if (stopOf(signal)?.reason === 'worker-shutdown') void run.report(exception('worker-shutdown'));
  };
  signal.addEventListener('abort', reportShutdown, { once: true });
  if (signal.aborted) reportShutdown();
  const outcome = await work(run, services, resources);
  signal.removeEventListener('abort', reportShutdown);
  await run.enter('finish');
  await taskLog.close();
  const finished = await finish(run, outcome);
  const { failure } = taskLog;
  if (failure) context.log.error('task log could not be written', { error: failure });
  // A log with a hole in it must not pass for a success; the disk is the worker's, not the task's.
  const resolution = failure ? worse(finished, exception('internal-error')) : finished;
  await run.enter('report', { resolution });
  await run.report(resolution);
  return () => resources.close();
}

/** Phases 1 to 5. An error or a stop in any of them goes straight to its resolution, in words in the task's log. */
async function work(run: TaskRun, services: TaskServices, resources: ResourceStack): Promise<Outcome> {
  const startedAt = performance.now();
  const seconds = (): number => Math.round(performance.now() - startedAt) / 1000;
  const { output, log, measures } = run.context;
  let features = refusedFeatures(run.context, services.admission);
  try {
    await run.enter('admit');
    run.signal.throwIfAborted();
    const admitted = await admitAndCount(run, services);
    features = admitted.features;
    const { executed, image } = await launch(run, services, admitted, resources);
    await run.enter('collect');
    const ending = endingOf(executed, services.containerDefaults.limits.memoryBytes);
    if (ending.timedOut) services.metrics?.maxRunTimeExceeded();
    const verdict = exitVerdict(ending, admitted.task.payload);
    const { soFar: collected, isClean } = await collect(run, features, executed, verdict);
    const soFar = isClean ? collected : collectedVerdict(verdict, collected, admitted.task.payload);
    const words = endingInWords(ending);
    if (words !== undefined) output[soFar.kind === 'completed' ? 'line' : 'error'](words);
    measures.report(output, log);
    const isTheCommands = executed.cause === 'exit' && (isClean || ending.exitCode !== 0);
    output.line(footer(soFar, isTheCommands ? ending.exitCode : NO_EXIT_CODE, seconds()));
    return { soFar, features, ...(!(executed.cause instanceof TaskError) && { image }) };
  } catch (error) {
    // Once somebody stopped the run it ends as that says, whatever else broke because of it.
    const stop = stopOf(run.signal);
    if (stop && !(error instanceof TaskStopped)) run.context.log.error('error while stopping', { error });
    const soFar = resolutionOf(stop ?? error);
    explain(run.context, stop ?? error);
    measures.report(output, log);
    output.line(footer(soFar, NO_EXIT_CODE, seconds()));
    return { soFar, features };
  }
}

/** Phase 1. */
async function admitAndCount(run: TaskRun, { admission, metrics }: TaskServices): Promise<AdmittedTask> {
  try {
    const admitted = await admit(run.context, admission, run.signal);
    metrics?.featuresUsed(admitted.features.map(({ name }) => name));
    return admitted;
  } catch (error) {
    if (resolutionName(resolutionOf(error)) === 'malformed-payload') metrics?.payloadRefused();
    throw error;
  }
}

/** Phases 2 to 4: everything it takes to get a container that has run. */
async function launch(
  run: TaskRun,
  services: TaskServices,
  admitted: AdmittedTask,
  resources: ResourceStack,
): Promise<{ readonly executed: Executed; readonly image: ImageIdentity }> {
  const { signal, context } = run;
  await run.enter('prepare');
  const { images, onOrphan } = services;
  const { contributions, image } = await prepare(admitted, images, resources, signal, onOrphan);
  await run.enter('compile');
  const spec = containerSpec(admitted.task, contributions, image.image, services.containerDefaults);
  await run.enter('execute');
  let stopClock = (): void => undefined;
  const started = async (container: RunningContainer, limit: AbortSignal): Promise<void> => {
    stopClock = context.measures.start('command');
    void watchUsage(container, context, limit);
    const startOne = async ({ name, hooks }: AttachedFeature): Promise<void> => {
      try {
        await hooks.started?.(container, resources, limit);
      } catch (error) {
        if (limit.aborted) throw error;
        // What the author has to mend is nothing that an operator must look at.
        if (!(error instanceof TaskError)) context.log.error('feature failed to start', { feature: name, error });
        throw stateError('started', name, error);
      }
    };
    await Promise.all(admitted.features.map(startOne));
  };
  const executing = execute(
    spec,
    {
      engine: services.engine,
      output: context.output,
      log: context.log,
      copyOutput: (source) => run.taskLog.copy(source),
      maxRunTimeSeconds: admitted.task.payload.maxRunTime,
      logFull: run.logFull,
      resources,
      onCreated: (containerId) => run.enter('execute', { containerId }),
      onRefused: (error) => {
        if (isUnusableImage(error)) image.markUnusable();
        explain(context, error);
      },
      started,
    },
    signal,
  );
  const executed = await executing.catch((error: unknown) => {
    // Of an engine in trouble, whose words are no refusal.
    if (isUnusableImage(error)) image.markUnusable();
    throw error;
  });
  stopClock();
  // After a cancel nothing is collected. After a shutdown it is, in the time that is left.
  if (executed.cause instanceof TaskStopped && executed.cause.reason !== 'worker-shutdown') throw executed.cause;
  return { executed, image };
}

function endingOf({ container, cause }: Executed, memoryLimitBytes: number | undefined): Ending {
  return {
    exitCode: container.exitCode,
    oomKilled: container.oomKilled,
    timedOut: cause === 'max-run-time',
    logTruncated: cause === 'log-full',
    stopped: cause instanceof TaskStopped,
    memoryLimitBytes,
  };
}

/** Phase 5. One feature's failure doesn't keep the others from collecting; it makes a success a failure. */
async function collect(
  run: TaskRun,
  features: readonly AttachedFeature[],
  { container, cause }: Executed,
  verdict: Resolution,
): Promise<{ readonly soFar: Resolution; readonly isClean: boolean }> {
  const { context, signal } = run;
  const deadline = new CollectDeadline(signal, run.collectLimit);
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
        // What the author has to mend is nothing that an operator must look at.
        const level = resolutionOf(error).kind === 'failed' ? 'info' : 'error';
        context.log[level]('feature failed to collect', { feature: name, error });
        // A shutdown that left no time was explained above.
        if (!stop) context.output.error(authorsWords(error));
        soFar = worse(soFar, resolutionOf(error));
        isClean = false;
        // There is no time for the others either.
        if (timeout) break;
      }
    }
  } finally {
    deadline.dispose();
  }
  const stop = stopOf(signal);
  if (stop && !(cause instanceof TaskStopped)) {
    explain(context, stop);
    soFar = resolutionOf(stop);
  }
  return { soFar, isClean };
}

function endOf(cause: Executed['cause']): ContainerEnd {
  if (cause instanceof TaskError) return 'not-started';
  return cause === 'exit' ? 'exit' : 'killed';
}

/** Phase 6. The log first: it is what people look at. After a cancel it is all there is. */
async function finish(run: TaskRun, { soFar, features, image }: Outcome): Promise<Resolution> {
  const { context, published, signal } = run;
  const deadline = new LinkedAbort();
  const limitTo = (limitMs: number): void => {
    deadline.abortAfter(limitMs, () => new Error(`finishing took longer than ${limitMs / 1000} s`));
  };
  let hurried: NodeJS.Timeout | undefined;
  const hurry = (): void => {
    const stop = stopOf(signal);
    const isShutdown = stop?.reason === 'worker-shutdown';
    // After a shutdown artifacts have had a part of the time already.
    limitTo(isShutdown ? stop.leftOf(SHUTDOWN_UPLOAD_MS) : SHUTDOWN_UPLOAD_MS);
    if (!isShutdown) return;
    // What the task came to is worth a moment; after that another worker had better run it again.
    hurried = setTimeout(() => void run.report(exception('worker-shutdown')), SHUTDOWN_FINISH_MS);
  };
  limitTo(FINISH_TIMEOUT_MS);
  signal.addEventListener('abort', hurry, { once: true });
  if (signal.aborted) hurry();
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
  signal.removeEventListener('abort', hurry);
  clearTimeout(hurried);
  deadline.dispose();
  return stopOf(signal)?.reason === 'canceled' ? DROPPED : resolution;
}
